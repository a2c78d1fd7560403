//! Both feeds beside each other.

use super::super::cpu_clock;
use super::child::Child;
use super::{Recorder, Row, fed_by, feeds, near};
use crate::source::test_support::{context, tables_of};
use crate::source::{Asked, Context, Feed};
use crate::sources::process::SOURCE;
use nodemon_formats::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn agree(proc: &Row, ebpf: &Row) {
    assert_eq!(proc.keys, ebpf.keys);
    for column in proc.table.schema.values.iter().map(|column| &*column.name) {
        let (left, right) = (proc.value(column), ebpf.value(column));
        let is_near = near(Feed::Ebpf, column, &right, &left);
        let (keys, command) = (&proc.keys, proc.text("command"));
        assert!(is_near, "{column} of {command} {keys:?}: {left} from /proc, {right} from eBPF");
    }
}

/// Whether the process slept from before the first of both samples to after the second.
fn slept(pid: u32, before_ns: Option<u64>, rows: [&Row; 2]) -> bool {
    before_ns == cpu_clock::cpu_ns(pid) && rows.iter().all(|row| row.text("state") == "S")
}

#[test]
fn both_feeds_say_the_same_of_processes_that_sleep() {
    if feeds().len() < 2 {
        return;
    }
    let mut children = ["sleeper", "threads", "files", "bursts"].map(Child::start);
    let [_, _, _, bursts] = &mut children;
    bursts.turn();
    let mut shell = Command::new("bash")
        .args(["-c", "sleep 0.1; exec sleep 1000"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (mut proc, mut ebpf) = (Recorder::open(Feed::Proc), Recorder::open(Feed::Ebpf));
    proc.sample();
    ebpf.sample();
    std::thread::sleep(Duration::from_millis(300));
    let pids = children.iter().map(Child::pid).chain([shell.id()]);
    for pid in pids {
        let start = Instant::now();
        loop {
            let before_ns = cpu_clock::cpu_ns(pid);
            let from_proc = Row::of_process(proc.sample(), pid).unwrap();
            let from_ebpf = Row::of_process(ebpf.sample(), pid).unwrap();
            if slept(pid, before_ns, [&from_proc, &from_ebpf]) {
                agree(&from_proc, &from_ebpf);
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{pid} does not fall asleep");
        }
    }
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[test]
fn of_all_processes_of_this_machine_that_sleep_both_feeds_say_the_same() {
    if feeds().len() < 2 || !rustix::process::geteuid().is_root() {
        return;
    }
    let mut compared = 0;
    // As often as it takes: how many processes sleep on depends on what else runs.
    let start = Instant::now();
    while compared <= 3 && start.elapsed() < Duration::from_secs(60) {
        compared += compare_sleepers();
    }
    assert!(compared > 3, "only {compared} processes slept in a minute");
}

/// Compares both feeds' rows of the processes that slept meanwhile, and tells how many did.
fn compare_sleepers() -> usize {
    let mut compared = 0;
    let before = Recorder::open(Feed::Proc).sample();
    let ebpf = Recorder::open(Feed::Ebpf).sample();
    let after = Recorder::open(Feed::Proc).sample();
    for (keys, cells) in &ebpf.rows {
        let keys = [keys[0].to_string(), keys[1].to_string()];
        let keys = [keys[0].as_str(), keys[1].as_str()];
        let find = |rows: &super::Table| {
            let of = |row: &&(Vec<Value>, Vec<Value>)| {
                row.0.iter().map(Value::to_string).eq(keys.iter().map(ToString::to_string))
            };
            rows.rows.iter().find(of).map(|row| row.1.clone())
        };
        let (Some(first), Some(last)) = (find(&before), find(&after)) else { continue };
        let cell = |cells: &[Value], column: &str| {
            let at = ebpf.schema.values.iter().position(|value| value.name == column);
            cells[at.unwrap()].clone()
        };
        let all = [&first, cells, &last];
        let slept = all.iter().all(|cells| cell(cells, "state") == Value::String("S".into()));
        if !slept || all.iter().any(|cells| cell(cells, "cpu_ns") != cell(&first, "cpu_ns")) {
            continue;
        }
        for column in ebpf.schema.values.iter().map(|column| &*column.name) {
            let [first, ours, last] = all.map(|cells| cell(cells, column));
            let is_more = match (&first, &ours) {
                (Value::U64(first), Value::U64(ours)) => ours > first,
                // A worker's name in /proc is followed by what it works on.
                (Value::String(first), Value::String(ours)) => first.starts_with(&**ours),
                _ => false,
            };
            // What ended threads had counted, /proc may have missed.
            let may_be_more = matches!(
                column,
                "run_delay_ns" | "voluntary_switches" | "involuntary_switches" | "command"
            );
            let is_near = near(Feed::Ebpf, column, &ours, &first)
                || near(Feed::Ebpf, column, &ours, &last)
                || is_more && may_be_more;
            assert!(is_near, "{column} of {keys:?}: {first}, {ours} from eBPF, {last}");
        }
        compared += 1;
    }
    compared
}

#[test]
fn bursts_between_samples_are_in_cpu_time_to_the_last_nanosecond() {
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        let mut child = Child::start("bursts");
        let pid = child.pid();
        let (mut told_ns, mut seen_ns) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            told_ns.push(child.turn());
            seen_ns.push(recorder.asleep(pid).u64("cpu_ns"));
        }
        let (told, seen) = (told_ns[1] - told_ns[0], seen_ns[1] - seen_ns[0]);
        assert!(told > 70_000_000, "25 bursts of 3 ms are {told} ns");
        assert!(seen.abs_diff(told) < told / 20, "{feed:?}: {seen} ns of {told} ns");
    }
}

#[test]
fn a_thread_that_runs_is_counted_while_it_runs() {
    let child = Child::start("spinner");
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        let (mut last_ns, mut beyond) = (0, Vec::new());
        let is_ahead = |beyond: &[u64]| beyond.iter().any(|&ahead_ns| ahead_ns > 0);
        // While other tests have all CPUs it does not run when it is looked at.
        for round in 0..1000 {
            if round >= 40 && (feed == Feed::Proc || is_ahead(&beyond)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            let before_ns = cpu_clock::cpu_ns(child.pid()).unwrap();
            let seen_ns = Row::of_process(recorder.sample(), child.pid()).unwrap().u64("cpu_ns");
            let after_ns = cpu_clock::cpu_ns(child.pid()).unwrap();
            // The clock of another process is that of its last tick.
            let most_ns = after_ns + 10_000_000;
            assert!(before_ns <= seen_ns && seen_ns <= most_ns, "{before_ns} {seen_ns} {most_ns}");
            assert!(last_ns <= seen_ns, "it went back from {last_ns} to {seen_ns}");
            last_ns = seen_ns;
            beyond.push(seen_ns.saturating_sub(after_ns));
        }
        println!("{feed:?} is ahead of the last tick by so many ns: {beyond:?}");
        let is_alone = std::thread::available_parallelism().map_or(1, usize::from) == 1;
        let is_ahead = is_ahead(&beyond);
        assert!(is_ahead == (feed == Feed::Ebpf) || is_alone, "{feed:?}: {beyond:?}");
    }
}

#[test]
fn threads_that_end_keep_what_they_used_in_the_sum() {
    for feed in feeds() {
        let mut recorder = Recorder::open(feed);
        let mut last = 0;
        for _ in 0..30 {
            let threads: Vec<_> = (0..8)
                .map(|_| std::thread::spawn(|| std::thread::sleep(Duration::from_millis(1))))
                .collect();
            let row = Row::of_process(recorder.sample(), std::process::id()).unwrap();
            let own_ns = cpu_clock::cpu_ns(std::process::id()).unwrap();
            let seen_ns = row.u64("cpu_ns");
            assert!(last <= seen_ns && seen_ns <= own_ns + 20_000_000, "{last} {seen_ns} {own_ns}");
            last = seen_ns;
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }
}

#[test]
fn where_the_kernel_cannot_feed_it_proc_does_and_the_reason_is_told() {
    let (_dir, made_up) = context(&[("42/cmdline", "x")]);
    let source = (SOURCE.open)(&made_up).unwrap();
    let why = "not from an eBPF iterator: procfs is that of another pid namespace";
    assert!(source.limits().iter().any(|limit| limit == why), "{:?}", source.limits());
    let [table] = &tables_of(&SOURCE, source.as_ref())[..] else { panic!("one table") };
    assert!(table.source.starts_with("/proc/PID/") && table.source.ends_with(why));
    let asked = Asked { feed: Some(Feed::Ebpf), ..Asked::every(Duration::from_secs(1)) };
    let told = (SOURCE.open)(&Context { asked, ..made_up }).err().unwrap().to_string();
    assert!(told.contains("another pid namespace"), "{told}");
    let told = (SOURCE.open)(&fed_by(Feed::Module)).err().unwrap().to_string();
    assert!(told.contains("feed is ebpf or proc"), "{told}");
}
