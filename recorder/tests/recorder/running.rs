//! Starting, ending, and being alone.

use super::support::{Running, field, output, said, span, status_field, threads, times, wall_ns};
use nodemon_formats::reader::Recording;
use nodemon_skip::skip;
use rustix::process::{Signal, geteuid};
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn a_bounded_recording_says_where_it_is_ends_by_itself_and_is_private() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("not/there/yet");
    let text = dir.to_str().unwrap();
    let start = Instant::now();
    let run = output(&["run", "--dir", text, "--ring-size", "64MiB", "--for", "6s"]);
    let took = start.elapsed();
    let told = said(&run);
    assert!(run.status.success(), "{told}");
    assert!((6.0..7.5).contains(&took.as_secs_f64()), "it took {took:?}");
    assert!(told.contains(&format!("into {text}, in at most 64.0 MiB")), "{told}");
    assert!(told.contains(&format!(" written; {} samples lost", lost(&dir))), "{told}");
    // On a busy machine a source may be late, which is told, and told again when it comes.
    let is_of_load = |line: &&str| line.contains("timed out") || line.contains("responds again");
    let lines = told.lines().filter(|line| !is_of_load(line)).count();
    assert!(lines <= 5, "it is quiet: {told}");

    for table in ["cpu", "memory", "disk", "process", "filesystem", "recorder"] {
        assert!(!times(&dir, table).is_empty(), "nothing of {table}");
    }
    // One at the start and one at each of the whole seconds from then on.
    let kernel = times(&dir, "kernel");
    let seconds: Vec<i64> = kernel.iter().map(|time| time / 1_000_000_000).collect();
    let steps: Vec<i64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        steps.len() >= 4 && steps[0] <= 1 && steps[1..].iter().all(|step| *step == 1),
        "{kernel:?}"
    );
    assert_private(&dir);
}

fn assert_private(path: &Path) {
    let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
    let wanted = if path.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, wanted, "{} has mode {mode:o}", path.display());
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| assert_private(&entry.unwrap().path()));
    }
}

#[test]
fn samples_fall_on_whole_seconds_of_the_wall_clock() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let mut running = Running::start(&dir, &["--only", "stat,loadavg"]);
    running.wait_until("four samples", || times(&dir, "kernel").len() >= 4);
    running.end(Signal::TERM);
    for table in ["kernel", "load"] {
        // The first was taken at once.
        let late: Vec<i64> =
            times(&dir, table)[1..].iter().map(|time| time.rem_euclid(1_000_000_000)).collect();
        assert!(late.iter().all(|&late_ns| late_ns < 300_000_000), "{table}: late by {late:?} ns");
    }
}

/// Samples and events that gaps count as lost.
fn lost(dir: &Path) -> u64 {
    let gaps = Recording::open(dir).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    gaps.iter().filter(|gap| !gap.gap.is_of_start()).map(|gap| gap.gap.lost).sum()
}

#[test]
fn every_signal_that_ends_it_ends_it_within_a_second_and_loses_nothing() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("r");
        let mut running = Running::start(&dir, &["--interval", "20ms", "--without", "process"]);
        running.wait_until("both are sampled", || {
            ["kernel", "cpu"].iter().all(|table| !times(&dir, table).is_empty())
        });
        let told_at = wall_ns();
        let (status, took, said) = running.end(signal);
        assert!(status.success(), "{signal:?}: {status}: {said}");
        assert!(took < Duration::from_secs(1), "{signal:?}: it took {took:?}");
        // What the kernel samples is drained once more at the end.
        for table in ["kernel", "cpu"] {
            let last = times(&dir, table).last().copied().unwrap();
            let before_ms = (told_at - last) / 1_000_000;
            assert!(before_ms < 100, "{signal:?}: the last {table} is from {before_ms} ms before");
        }
    }
}

#[test]
fn a_signal_while_sources_are_being_opened_ends_it_within_a_second() {
    // As root it comes to some 250 descriptors, most of them programs and maps.
    let descriptors = if geteuid().is_root() { vec![0, 30, 60, 120] } else { vec![0] };
    for descriptors in descriptors {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("r");
        let mut running = Running::spawn(&dir, &["--source", "syscall_latency=entries=262144"]);
        let pid = running.pid();
        running.wait_until("it listens to signals and has opened some", || {
            let caught = status_field(&format!("/proc/{pid}/status"), "SigCgt");
            let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
            u64::from_str_radix(&caught, 16).unwrap() & 1 << (Signal::TERM.as_raw() - 1) != 0
                && open >= descriptors
        });
        let (status, took, said) = running.end(Signal::TERM);
        assert!(status.success(), "{status}: {said}");
        assert!(
            took < Duration::from_secs(1),
            "with {descriptors} descriptors it took {took:?}: {said}"
        );
    }
}

#[test]
fn a_signal_while_a_new_configuration_is_taken_over_ends_it_within_a_second() {
    if !geteuid().is_root() {
        return skip!("sources that take long to open take root");
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("nodemon.toml");
    std::fs::write(&file, "only = [\"stat\"]\n").unwrap();
    let mut running =
        Running::start(&scratch.path().join("r"), &["--config", file.to_str().unwrap()]);
    let large = |source| format!("[source.{source}]\nentries = 262144\n");
    let all: Vec<_> = ["block_io", "syscall_latency", "timer"].map(large).into();
    std::fs::write(&file, all.concat()).unwrap();
    running.signal(Signal::HUP);
    let pid = running.pid();
    running.wait_until("it has opened some of what is new", || {
        std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() >= 50
    });
    let (status, took, said) = running.end(Signal::TERM);
    assert!(status.success(), "{status}: {said}");
    assert!(took < Duration::from_secs(1), "it took {took:?}: {said}");
}

#[test]
fn what_was_lost_in_the_kernel_is_in_the_total_that_is_told_at_the_end() {
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let source = "process_event=events_per_s=1";
    let mut running = Running::start(&dir, &["--only", "process_event,stat", "--source", source]);
    running.wait_until("events beyond the budget", || {
        for _ in 0..20 {
            std::process::Command::new("true").status().unwrap();
        }
        lost(&dir) > 0
    });
    let (_, _, said) = running.end(Signal::TERM);
    let told = format!(" written; {} samples lost", lost(&dir));
    assert!(said.contains(&told), "the recording has{told}, the recorder said: {said}");
}

#[test]
fn a_second_recorder_is_refused_with_the_pid_of_the_first() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let mut running = Running::start(&dir, &["--only", "stat"]);
    let second = output(&["run", "--dir", dir.to_str().unwrap(), "--for", "1s"]);
    let told = said(&second);
    assert_eq!(second.status.code(), Some(3), "{told}");
    assert!(told.contains(&format!("pid {}", running.pid())), "{told}");
    assert!(told.contains(dir.to_str().unwrap()) && told.contains("--dir"), "{told}");
    let check = output(&["check", "--dir", dir.to_str().unwrap()]);
    let answer = String::from_utf8(check.stdout).unwrap();
    assert!(answer.contains(&format!("pid {}", running.pid())), "{answer}");

    let before = span(&dir).unwrap().1;
    running.wait_until("the first goes on", || span(&dir).unwrap().1 > before);
    running.signal(Signal::KILL);
    drop(running);
    let third = output(&["run", "--dir", dir.to_str().unwrap(), "--only", "stat", "--for", "1s"]);
    assert!(third.status.success(), "a lock of one that was killed: {}", said(&third));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_that_names_it() {
    let run = output(&["run", "--dir", "/proc/nodemon", "--for", "1s"]);
    let told = said(&run);
    assert_eq!(run.status.code(), Some(1), "{told}");
    assert!(told.contains("/proc/nodemon") && told.contains("--dir"), "{told}");
}

#[test]
fn a_chosen_cpu_has_every_thread_and_one_that_is_not_there_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    // One source on each kind of thread.
    let arguments = ["--cpu", "0", "--only", "stat,loadavg", "--source", "stat=10ms"];
    let running = Running::start(&dir, &arguments);
    let threads = threads(running.pid());
    for (name, status) in &threads {
        assert_eq!(field(status, "Cpus_allowed_list"), "0", "thread {name}");
    }
    let names: HashSet<&str> = threads.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["nodemon-slow", "nodemon-fast", "nodemon-writer"] {
        assert!(names.contains(name), "no thread {name}: {names:?}");
    }
    assert_eq!(threads.len(), 4, "few threads: {names:?}");

    let run = output(&["run", "--dir", dir.to_str().unwrap(), "--cpu", "1000"]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains("CPU 1000"), "{}", said(&run));
}

#[test]
fn it_listens_on_nothing_and_keeps_no_right_that_it_does_not_need() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let mut running = Running::start(&dir, &[]);
    let pid = running.pid();
    let sockets: HashSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    for family in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"] {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{family}"));
        for line in table.unwrap_or_default().lines() {
            let own = line.split_whitespace().find(|word| sockets.contains(*word));
            assert_eq!(own, None, "a socket of family {family}: {line}");
        }
    }
    // Once all sources are open. CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYSLOG,
    // CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE.
    let has_more = |(_, status): &(String, String)| {
        u64::from_str_radix(&field(status, "CapPrm"), 16).unwrap() & 1 << 21 != 0
    };
    running.wait_until("every thread has dropped what opening took", || {
        !threads(pid).iter().any(has_more)
    });
    let needed = 1u64 << 2 | 1 << 12 | 1 << 19 | 1 << 34 | 1 << 38 | 1 << 39 | 1 << 40;
    for (name, status) in threads(pid) {
        for set in ["CapPrm", "CapEff"] {
            let have = u64::from_str_radix(&field(&status, set), 16).unwrap();
            assert_eq!(have & !needed, 0, "thread {name} has {set} {have:x}");
            if geteuid().is_root() {
                assert_ne!(have, 0, "root keeps what sources need");
            }
        }
        assert_eq!(field(&status, "NoNewPrivs"), "1", "thread {name}");
    }
}
