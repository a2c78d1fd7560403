//! Why tasks lost their CPUs and how long they waited for one, beside what the kernel tells of the
//! same tasks.

use crate::network_rows::{buckets, rows, start};
use crate::system_rig::alone;
use aya::maps::{MapType, loaded_maps};
use nodemon_recorder_ebpf::load::Running;
use nodemon_skip::skip;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Switches so far, by their reason.
fn switches(running: &mut Running) -> BTreeMap<String, u64> {
    let rows = rows(running, "scheduler", "context_switch");
    rows.iter().map(|row| (row["reason"].text().to_owned(), row["switches"].number())).collect()
}

fn more(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>, reason: &str) -> u64 {
    let of = |switches: &BTreeMap<String, u64>| switches.get(reason).copied().unwrap_or(0);
    of(now) - of(before)
}

/// What the kernel counted of this thread: switches that it chose, and that it did not.
fn own_switches() -> (u64, u64) {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    (field("voluntary_ctxt_switches:"), field("nonvoluntary_ctxt_switches:"))
}

/// How long this thread has waited for a CPU in all; `None` where the kernel does not keep it.
fn own_wait_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

/// Keeps this thread on one of the CPUs that it may run on.
fn stay_on(nth: usize) {
    // SAFETY: a set of bits, of which each may be 0.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is of the size that is said, and lives until the calls return.
    unsafe {
        libc::sched_getaffinity(libc::getpid(), size_of_val(&set), &raw mut set);
        let cpus: Vec<usize> = (0..1024).filter(|cpu| libc::CPU_ISSET(*cpu, &set)).collect();
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(cpus[nth % cpus.len()], &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}

/// Two threads do something again and again on one CPU for a while. Answers the switches that they
/// chose and did not choose.
fn two_on_a_cpu(time: Duration, work: fn()) -> (u64, u64) {
    let of_one = move || {
        stay_on(0);
        let (chosen, forced) = own_switches();
        let begun = Instant::now();
        while begun.elapsed() < time {
            work();
        }
        let (now_chosen, now_forced) = own_switches();
        (now_chosen - chosen, now_forced - forced)
    };
    let threads = [thread::spawn(of_one), thread::spawn(of_one)];
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

#[test]
fn a_task_that_loses_its_cpu_on_the_way_back_to_user_space_was_preempted() {
    let _alone = alone();
    let Some(mut running) = start("scheduler") else { return };
    let before = switches(&mut running);
    let (chosen, forced) =
        two_on_a_cpu(Duration::from_secs(2), || (0..1000).for_each(|_| std::hint::spin_loop()));
    let now = switches(&mut running);
    let (preempted, yielded) = (more(&before, &now, "preempted"), more(&before, &now, "yielded"));
    println!("{chosen} chosen, {forced} not: {preempted} preempted, {yielded} yielded");
    assert!(forced >= 20, "the two threads hardly disturbed each other: {forced}");
    assert!(preempted >= forced, "{forced} switches were forced, {preempted} told as preemption");
    assert!(yielded * 10 < forced, "nobody yielded, {yielded} told beside {forced} forced");
}

#[test]
fn a_task_that_calls_sched_yield_yielded() {
    let _alone = alone();
    let Some(mut running) = start("scheduler") else { return };
    let before = switches(&mut running);
    let (_, forced) = two_on_a_cpu(Duration::from_secs(1), thread::yield_now);
    let now = switches(&mut running);
    let yielded = more(&before, &now, "yielded");
    println!("{forced} switches of tasks that yield, {yielded} told");
    assert!(forced > 1000, "{forced}");
    assert!(yielded <= forced + forced / 100, "{yielded} told of {forced}");
    assert!(yielded >= forced - forced / 10, "{yielded} told of {forced}");
}

#[test]
fn a_task_that_sleeps_is_told_as_sleeping() {
    let _alone = alone();
    let Some(mut running) = start("scheduler") else { return };
    let before = switches(&mut running);
    let (chosen, _) =
        two_on_a_cpu(Duration::from_secs(1), || thread::sleep(Duration::from_micros(300)));
    let now = switches(&mut running);
    let sleeping = more(&before, &now, "sleeping");
    assert!(sleeping >= chosen && chosen > 1000, "{sleeping} told of {chosen}");
}

/// Lets timers of this thread fire when they are due, and not up to 50 microseconds later.
fn fire_at_once() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// The map in which the newest scheduler keeps since when tasks wait.
fn map_of_times() -> Option<OwnedFd> {
    let maps = loaded_maps().filter_map(Result::ok);
    let of_times = maps.filter(|map| {
        map.name() == b"since"
            && map.value_size() == 16
            && map.map_type().is_ok_and(|kind| kind == MapType::TaskStorage)
    });
    let newest = of_times.max_by_key(aya::maps::MapInfo::id)?;
    newest.fd().ok()?.as_fd().try_clone_to_owned().ok()
}

/// A descriptor of this thread; `None` where there are none of threads (before 6.9).
fn own_descriptor() -> Option<OwnedFd> {
    const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::gettid(), PIDFD_THREAD) };
    // SAFETY: the kernel has just made it for us.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Since when a thread waits, as the map has it; 0 if it does not.
fn since_ns(map: &OwnedFd, thread: &OwnedFd) -> u64 {
    #[repr(C)]
    struct Lookup {
        map: u64,
        key: u64,
        value: u64,
        flags: u64,
    }
    const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
    let (key, mut value) = (thread.as_raw_fd(), [0_u64; 2]);
    let lookup = Lookup {
        map: map.as_raw_fd() as u64,
        key: (&raw const key).addr() as u64,
        value: value.as_mut_ptr().expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: key and value are of the sizes that the map has, and live until the call returns.
    let done = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_MAP_LOOKUP_ELEM, &raw const lookup, size_of::<Lookup>())
    };
    if done == 0 { value[0] } else { 0 }
}

#[test]
fn a_task_that_sleeps_keeps_no_time_since_which_it_waits() {
    const THREADS: usize = 64;
    let _alone = alone();
    let Some(_running) = start("scheduler") else { return };
    let Some(map) = map_of_times() else { return skip!("no storage of tasks") };
    let (asleep, over) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (asleep, over) = (&asleep, &over);
                let (tell, told) = std::sync::mpsc::channel();
                scope.spawn(move || {
                    tell.send(own_descriptor()).unwrap();
                    fire_at_once();
                    asleep.wait();
                    // The timer fires before the thread has left its CPU.
                    (0..20).for_each(|_| thread::sleep(Duration::from_nanos(1)));
                    over.wait();
                });
                told.recv().unwrap()
            })
            .collect();
        asleep.wait();
        // Until they sleep; that takes less.
        thread::sleep(Duration::from_millis(500));
        let times: Vec<u64> =
            threads.iter().flatten().map(|thread| since_ns(&map, thread)).collect();
        over.wait();
        let kept = times.iter().filter(|time| **time != 0).count();
        assert_eq!(kept, 0, "{kept} of {} sleepers wait for a CPU: {times:?}", times.len());
    });
}

/// Tells whether the load goes on, and gathers the longest wait of its threads.
struct Load {
    is_on: AtomicBool,
    longest_ns: AtomicU64,
}

impl Load {
    fn end_of_thread(&self) {
        self.longest_ns.fetch_max(own_wait_ns().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Sleeps: mostly so shortly that the timer fires before the thread has left its CPU, at times
    /// for long.
    fn sleep_unevenly(&self, nth: u64) {
        let mut rounds = nth;
        fire_at_once();
        while self.goes_on() {
            rounds += 1;
            let micros = if rounds.is_multiple_of(200) { 700_000 } else { rounds % 3 };
            thread::sleep(Duration::from_micros(micros));
            if rounds.is_multiple_of(50) {
                stay_on(rounds as usize / 50);
            }
        }
        self.end_of_thread();
    }

    /// Sends and receives on one host: the kernel wakes the receiver while it runs.
    fn talk(&self, mut stream: TcpStream) {
        let mut bytes = [1; 64];
        while self.goes_on()
            && stream.write_all(&bytes).is_ok()
            && stream.read(&mut bytes).is_ok_and(|n| n > 0)
        {}
        self.end_of_thread();
    }

    /// Threads that begin and end, some before they were ever looked for.
    fn begin_and_end(&self) {
        while self.goes_on() {
            let threads: Vec<_> = (0..8).map(|nth| thread::spawn(move || stay_on(nth))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
        self.end_of_thread();
    }
}

/// How long each task on this machine has waited for a CPU since it began, by its number.
fn waits_of_all_ns() -> BTreeMap<String, u64> {
    let mut waits = BTreeMap::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(threads) = fs::read_dir(process.path().join("task")) else { continue };
        for thread in threads.flatten() {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let wait_ns = text.split(' ').nth(1).and_then(|word| word.parse().ok());
            if let Some(wait_ns) = wait_ns {
                waits.insert(thread.file_name().to_string_lossy().into_owned(), wait_ns);
            }
        }
    }
    waits
}

/// The longest time that a task of this machine may have waited for a CPU while `is_on` said so. Of one
/// that has ended meanwhile nobody knows it, so it is the time for which it was there.
fn watch_waits_ns(is_on: impl Fn() -> bool) -> u64 {
    /// When it was seen first and last, and what it had waited then.
    struct Seen {
        first: (Instant, u64),
        last: (Instant, u64),
    }
    let mut tasks: BTreeMap<String, Seen> = BTreeMap::new();
    let mut looks = vec![Instant::now()];
    while {
        let goes_on = is_on();
        let now = Instant::now();
        for (task, wait_ns) in waits_of_all_ns() {
            let first = Seen { first: (now, wait_ns), last: (now, wait_ns) };
            tasks.entry(task).or_insert(first).last = (now, wait_ns);
        }
        looks.push(now);
        goes_on
    } {
        thread::sleep(Duration::from_millis(100));
    }
    let end = looks[looks.len() - 1];
    let longest = tasks.values().map(|seen| {
        // It may have begun after the look before, and have ended before the next.
        let is_early = |look: &&Instant| **look < seen.first.0;
        let from = looks.iter().rev().find(is_early).copied().unwrap_or(seen.first.0);
        let until = looks.iter().find(|look| **look > seen.last.0).copied().unwrap_or(end);
        match seen.last.0 == end {
            true => seen.last.1 - seen.first.1.min(seen.last.1) + nanos(seen.first.0 - from),
            false => nanos(until - from),
        }
    });
    longest.max().unwrap_or(0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// How long tasks have waited for a CPU since the machine was started, all together; `None` where
/// the kernel does not keep it.
fn waited_in_all_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/schedstat").ok()?;
    let cpus = text.lines().filter(|line| line.starts_with("cpu"));
    cpus.map(|line| line.split(' ').nth(8)?.parse::<u64>().ok()).sum()
}

/// Runs threads that sleep, talk, move, begin and end. Answers the longest time that a task of this
/// machine has waited for a CPU in all.
fn run_load(time: Duration) -> u64 {
    let load = Load { is_on: AtomicBool::new(true), longest_ns: AtomicU64::new(0) };
    thread::scope(|scope| {
        for nth in 0..48 {
            let load = &load;
            scope.spawn(move || load.sleep_unevenly(nth * 7));
        }
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (other, _) = listener.accept().unwrap();
            for stream in [one, other] {
                stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                scope.spawn(|| load.talk(stream));
            }
        }
        scope.spawn(|| load.begin_and_end());
        let begun = Instant::now();
        let of_all_ns = watch_waits_ns(|| begun.elapsed() < time);
        load.is_on.store(false, Ordering::Relaxed);
        load.longest_ns.fetch_max(of_all_ns, Ordering::Relaxed);
    });
    load.longest_ns.into_inner()
}

#[test]
fn tasks_waited_for_a_cpu_as_long_as_the_kernel_says() {
    let _alone = alone();
    let Some(mut running) = start("scheduler") else { return };
    if own_wait_ns().is_none() {
        return skip!("this kernel does not say how long tasks wait");
    }
    let begun_ns = waited_in_all_ns();
    let seconds =
        std::env::var("NODEMON_SCHEDULER_SECONDS").map_or(6, |text| text.parse().unwrap());
    let longest_ns = run_load(Duration::from_secs(seconds));
    let in_all_ns = waited_in_all_ns().zip(begun_ns).map(|(now_ns, begun_ns)| now_ns - begun_ns);
    let waits = buckets(&mut running, "scheduler", "run_queue_latency");
    let count: u64 = waits.iter().map(|(_, _, count)| count).sum();
    let longest_told_ns = waits.iter().map(|(_, least_ns, _)| *least_ns).max().unwrap();
    // By the least value of each bucket, which is at most an eighth too little.
    let told_ns: u64 = waits.iter().map(|(_, least_ns, count)| least_ns * count).sum();
    println!("{count} waits of {told_ns} ns in all, the kernel says {in_all_ns:?}");
    println!("the longest took {longest_told_ns} ns, no task waited more than {longest_ns} ns");
    for program in running.programs() {
        println!("{}: skipped {:?} times", program.name, program.skipped());
    }
    assert!(count > 10_000, "{count}");
    assert!(
        longest_told_ns <= longest_ns,
        "a wait of {longest_told_ns} ns is told, but no task waited more than {longest_ns} ns"
    );
    if let Some(in_all_ns) = in_all_ns {
        // Others wait too, before and after.
        assert!(told_ns <= in_all_ns + in_all_ns / 50 + 200_000_000, "{told_ns} of {in_all_ns} ns");
        assert!(told_ns >= in_all_ns / 5 * 4, "{told_ns} of {in_all_ns} ns");
    }
}
