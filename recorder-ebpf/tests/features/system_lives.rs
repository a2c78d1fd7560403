//! Lives of processes: what they used, and that none is missing.

use crate::network_rows::{Row, rows, start_with};
use crate::system::{events, number, text};
use crate::system_rig::{alone, settings_of, shell, wait_with_usage};
use nodemon_recorder_ebpf::load::{Running, Settings};
use nodemon_skip::skip;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Told is more than a recorder would tell: whatever else begins and ends on this machine meanwhile
/// does not take the budget of what a test looks for.
fn start_here() -> Option<Running> {
    let settings = Settings { events_per_s: 20_000, ..Settings::here().unwrap() };
    start_with("process_event", &settings)
}

#[test]
fn what_a_process_used_is_what_its_parent_is_told() {
    let _alone = alone();
    let Some(mut running) = start_here() else { return };
    let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exit 7";
    let begun = Instant::now();
    let child = shell(script).spawn().unwrap();
    let pid = child.id();
    let usage = wait_with_usage(child);
    let lived = begun.elapsed();
    let of_child = |row: &Row| number(row, "pid") == pid.into() && text(row, "event") == "exit";
    let found = events(&mut running, "process_event", of_child);
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    assert_eq!((number(row, "status"), text(row, "signal")), (7, ""));
    let (cpu, told) = (number(row, "cpu_ns") as f64, usage.cpu.as_nanos() as f64);
    assert!((cpu / told - 1.0).abs() < 0.1, "{cpu} ns, and {told} to the parent");
    assert!(number(row, "lived_ns") <= lived.as_nanos() as u64 + 10_000_000, "{row:?} {lived:?}");
    assert_eq!(number(row, "ppid"), u64::from(std::process::id()));
    let resident = number(row, "max_rss_bytes") * 4096;
    assert!(resident <= usage.max_resident_bytes, "{resident} {usage:?}");
}

#[test]
fn a_process_that_spins_until_it_is_killed_is_told_with_the_time_and_the_signal() {
    let _alone = alone();
    let Some(mut running) = start_here() else { return };
    let mut child = shell("while :; do :; done").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    child.kill().unwrap();
    child.wait().unwrap();
    let of_child =
        |row: &Row| text(row, "event") == "exit" && number(row, "pid") == child.id().into();
    let found = events(&mut running, "process_event", of_child);
    let row = &found[0];
    assert_eq!(text(row, "signal"), "SIGKILL");
    let (lived, cpu) = (number(row, "lived_ns"), number(row, "cpu_ns"));
    assert!(lived >= 40_000_000 && cpu > 5_000_000 && cpu <= lived + lived / 5, "{lived} {cpu}");
}

#[test]
fn what_a_process_ran_between_two_ticks_is_in_its_last_row() {
    let _alone = alone();
    let Some(mut running) = start_here() else { return };
    // None of them runs for as long as a tick takes, nor waits for anything: /proc would show 0.
    let children: Vec<_> = (0..20)
        .map(|_| {
            let child = std::process::Command::new("/bin/true").spawn().unwrap();
            (child.id(), wait_with_usage(child))
        })
        .collect();
    let of_them = |row: &Row| text(row, "event") == "exit" && text(row, "command") == "true";
    let found = events(&mut running, "process_event", of_them);
    let mut ratios: Vec<f64> = children
        .iter()
        .map(|(pid, usage)| {
            let row = found.iter().find(|row| number(row, "pid") == u64::from(*pid)).expect("row");
            number(row, "cpu_ns") as f64 / usage.cpu.as_nanos() as f64
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("of what their parent is told: {ratios:.2?}");
    // What a process does after the row, to its very end, is in what its parent is told only.
    // Interrupts since its last tick are in the row only: on a busy machine two of 20 had a tenth more,
    // and one three quarters.
    assert!(ratios[10] > 0.6 && ratios[10] < 1.05 && ratios[17] < 1.5, "{ratios:.2?}");
}

/// What a forked process shares with the test that made it.
#[derive(Default)]
struct Shared {
    work_ns: u64,
    /// Threads that have done their work.
    ready: AtomicU32,
    /// CPU time of the threads when they had.
    used_ns: AtomicU64,
}

/// Forks a process of which a second thread works beside the first, until both end at once: neither
/// waits for the other, each leaves by itself. Answers its number.
fn fork_that_ends_twice_at_once(shared: &Shared) -> libc::pid_t {
    extern "C" fn work_and_leave(shared: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: it is the memory that this function got, which outlives the threads of the child.
        let shared = unsafe { &*shared.cast::<Shared>() };
        let (begun, work) = (Instant::now(), Duration::from_nanos(shared.work_ns));
        while begun.elapsed() < work {}
        let mut used = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is that of a variable that lives until the call returns.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut used) };
        let used = used.tv_sec * 1_000_000_000 + used.tv_nsec;
        shared.used_ns.fetch_add(used.cast_unsigned(), Ordering::SeqCst);
        shared.ready.fetch_add(1, Ordering::SeqCst);
        while shared.ready.load(Ordering::SeqCst) < 2 {}
        // SAFETY: ends this thread and nothing else.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        std::ptr::null_mut()
    }
    let shared = std::ptr::from_ref(shared).cast_mut().cast();
    // SAFETY: the child has the one thread that it makes, and does nothing but what is above: it
    // neither allocates nor takes a lock that another thread of the parent may have held.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let mut thread = std::mem::zeroed();
            let null = std::ptr::null();
            libc::pthread_create(&raw mut thread, null, work_and_leave, shared);
            work_and_leave(shared);
        }
        pid
    }
}

/// The same, and what it is told to have used: by its threads when they had worked, and by the kernel
/// when it had ended.
fn life_that_ends_twice_at_once(work: Duration) -> (u64, Duration, Duration) {
    let bytes = size_of::<Shared>();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, of zeroes, which a child shares.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    let shared = memory.cast::<Shared>();
    // SAFETY: a page is large enough and aligned for it, and nobody else has it before the fork.
    unsafe { shared.write(Shared { work_ns: work.as_nanos() as u64, ..Shared::default() }) };
    // SAFETY: written above, and unmapped below only.
    let shared = unsafe { &*shared };
    let pid = fork_that_ends_twice_at_once(shared);
    let told = reap(pid);
    let at_work = Duration::from_nanos(shared.used_ns.load(Ordering::SeqCst));
    // SAFETY: it was mapped above, and the reference to it is used no more.
    assert_eq!(unsafe { libc::munmap(memory, bytes) }, 0);
    (u64::from(pid.cast_unsigned()), at_work, told)
}

/// Waits for the end of a child, and answers its CPU time.
fn reap(pid: libc::pid_t) -> Duration {
    let mut status = 0;
    // SAFETY: a structure of numbers, of which each may be 0.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are those of variables that live until the call returns.
    assert_eq!(unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) }, pid);
    let micros = |time: libc::timeval| (time.tv_sec * 1_000_000 + time.tv_usec).cast_unsigned();
    Duration::from_micros(micros(usage.ru_utime) + micros(usage.ru_stime))
}

#[test]
fn a_process_whose_threads_end_at_once_ends_once() {
    const LIVES: usize = 3000;
    let _alone = alone();
    let settings = Settings { events_per_s: 1_000_000, ..Settings::here().unwrap() };
    let Some(mut running) = start_with("process_event", &settings) else { return };
    let (mut ends, mut pids) = (BTreeMap::new(), BTreeSet::new());
    for life in 1..=LIVES {
        pids.insert(life_that_ends_twice_at_once(Duration::ZERO).0);
        if life.is_multiple_of(100) || life == LIVES {
            for row in rows(&mut running, "process_event", "process_event") {
                if text(&row, "event") == "exit" && pids.contains(&number(&row, "pid")) {
                    *ends.entry(number(&row, "pid")).or_insert(0) += 1;
                }
            }
        }
    }
    let twice = ends.values().filter(|count| **count > 1).count();
    println!("{} processes, {} told, {twice} of them twice", pids.len(), ends.len());
    let lost = running.take_losses();
    assert_eq!(twice, 0, "of {LIVES} processes so many ended twice");
    assert!(ends.len() as u64 + lost.ring_full >= LIVES as u64, "{} {lost:?}", ends.len());
}

#[test]
fn what_all_threads_used_is_told_when_they_end_at_once() {
    let _alone = alone();
    let Some(mut running) = start_here() else { return };
    let lives: Vec<_> =
        (0..60).map(|_| life_that_ends_twice_at_once(Duration::from_millis(40))).collect();
    let found = events(&mut running, "process_event", |row| text(row, "event") == "exit");
    for (pid, at_work, used) in lives {
        let row = found.iter().find(|row| number(row, "pid") == pid).expect("its end");
        // What a thread does after the row, as taking the memory down, is in neither: 28 of 70 ms were
        // seen on a busy machine. So it is held against what both threads had used before they left.
        let told = Duration::from_nanos(number(row, "cpu_ns"));
        assert!(
            at_work <= told && told.as_secs_f64() < 1.1 * used.as_secs_f64(),
            "{told:?}, where the threads had used {at_work:?} before they left, and {used:?} at the \
             end: {row:?}"
        );
    }
}

#[test]
fn a_process_ends_under_its_own_name_whatever_its_last_thread_is_called() {
    let _alone = alone();
    let Some(mut running) = start_here() else { return };
    // Python calls its threads as they are named from 3.14 on only, so they name themselves.
    let script = "exec python3 -c '
import threading, os
def work():
    open(\"/proc/thread-self/comm\", \"w\").write(\"worker\")
    threading.Event().wait()
for i in range(20): threading.Thread(target=work, daemon=True).start()
import time; time.sleep(0.2); os._exit(9)'";
    let mut child = shell(script).spawn().unwrap();
    if child.wait().unwrap().code() != Some(9) {
        return skip!("there is no python3");
    }
    let of_child =
        |row: &Row| text(row, "event") == "exit" && number(row, "pid") == child.id().into();
    let found = events(&mut running, "process_event", of_child);
    assert!(text(&found[0], "command").starts_with("python3"), "{found:?}");
    assert_eq!(number(&found[0], "tid"), u64::from(child.id()));
}

/// Rows of forks and of exits of processes called `command`, while `script` runs.
fn lives(running: &mut Running, script: &str) -> (u64, u64) {
    let (mut forks, mut exits) = (0, 0);
    let mut child = shell(script).spawn().unwrap();
    loop {
        let is_over = child.try_wait().unwrap().is_some();
        for row in rows(running, "process_event", "process_event") {
            match text(&row, "event") {
                "fork" => forks += 1,
                "exit" => exits += 1,
                other => panic!("{other}: {row:?}"),
            }
        }
        if is_over {
            return (forks, exits);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

const LIVES: u64 = 10_000;

#[test]
fn each_of_ten_thousand_short_lives_is_told_or_counted_as_lost() {
    let _alone = alone();
    let script = format!(
        "printf nm-lives > /proc/self/comm; i=0; \
         while [ $i -lt {LIVES} ]; do (:); i=$((i+1)); done"
    );
    // One more than the lives has an end: the shell's own.
    for (events_per_s, is_enough) in [(1_000_000, true), (100, false)] {
        let settings = settings_of("nm-lives", events_per_s);
        let Some(mut running) = start_with("process_event", &settings) else { return };
        let (forks, exits) = lives(&mut running, &script);
        let lost = running.take_losses();
        println!("{events_per_s}: {forks} forks, {exits} exits, {lost:?}");
        if lost.ring_full == 0 {
            // Each kind by itself.
            assert_eq!(
                (forks + lost.suppressed, exits + lost.suppressed_precious),
                (LIVES, LIVES + 1)
            );
        }
        let suppressed = lost.suppressed + lost.suppressed_precious;
        assert_eq!(forks + exits + suppressed + lost.ring_full, 2 * LIVES + 1);
        assert_eq!(suppressed == 0, is_enough);
        assert!(!is_enough || exits + lost.ring_full > LIVES);
    }
}
