//! What it costs, as the kernel counts it.

use super::support::{Running, field, status_field, threads, times};
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use rustix::process::Signal;
use std::time::{Duration, Instant};

fn wakes(pid: u32, thread: &str) -> u64 {
    let of = threads(pid).into_iter().filter(|(name, _)| name.starts_with(thread));
    of.map(|(_, status)| field(&status, "voluntary_ctxt_switches").parse::<u64>().unwrap()).sum()
}

#[test]
fn at_one_second_it_wakes_a_handful_of_times_a_second_and_stays_small() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let mut running = Running::start(&dir, &[]);
    running.wait_until("it has settled", || times(&dir, "kernel").len() >= 3);
    let pid = running.pid();
    let (start, sampling, all) = (Instant::now(), wakes(pid, "nodemon-slow"), wakes(pid, ""));
    running.wait_until("five seconds", || start.elapsed() > Duration::from_secs(5));
    let seconds = start.elapsed().as_secs_f64();
    let sampling = (wakes(pid, "nodemon-slow") - sampling) as f64 / seconds;
    let all = (wakes(pid, "") - all) as f64 / seconds;
    // Sampling waits for its timer, and now and then for a lock in the kernel.
    assert!(sampling < 3.0, "all sources together wake {sampling:.1} times a second");
    // The others are those who empty rings and who makes stacks, four times each, who follows
    // interfaces and the watchdog, twice each, who asks file systems, and the writer: one wake, and
    // some waits for the disk for each of the two rings that rows are committed to. What stacks meet
    // for the first time is asked for by two more, and beside a build that is something in each
    // batch.
    assert!(all < 54.0, "the recorder wakes {all:.1} times a second");
    let status = format!("/proc/{pid}/status");
    let rss = status_field(&status, "VmRSS");
    let rss_kib: u64 = rss.trim_end_matches(" kB").parse().unwrap();
    assert!(rss_kib < 24 << 10, "resident memory {rss}");
}

#[test]
fn what_it_says_of_itself_is_what_the_kernel_says() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let mut running = Running::start(&dir, &["--only", "stat,recorder", "--interval", "50ms"]);
    running.wait_until("a hundred samples", || times(&dir, "recorder").len() > 100);
    let pid = running.pid();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    running.end(Signal::TERM);

    let last = last_row(&dir, "recorder");
    let value = |name: &str| last.iter().find(|(column, _)| column == name).unwrap().1;
    let cpu_ns = value("user_ns") + value("system_ns");
    let kernel_ns = ticks * 10_000_000;
    assert!(
        cpu_ns.abs_diff(kernel_ns) < 60_000_000,
        "it says {cpu_ns} ns of CPU time, the kernel {kernel_ns}"
    );
    assert_eq!(value("threads"), 3);
    assert!(value("commits") >= 3 && value("commit_ns") > 0);
    assert_eq!((value("samples_lost"), value("dropped_records")), (0, 0));
    // When it was taken some samples waited for a commit; since then more have come.
    let tables = Recording::open(&dir).unwrap().tables().unwrap();
    let samples_of = |name: &str| {
        let mut times = times(&dir, name);
        times.dedup();
        times.len() as u64
    };
    let all: u64 = tables.iter().map(|table| samples_of(&table.schema.name)).sum();
    let (came, stored) = (value("samples_in"), value("samples_stored"));
    assert!(0 < stored && stored <= came && came <= all, "{stored} of {came} stored, {all} now");
    let of_source = last_row(&dir, "recorder_source");
    let samples = of_source.iter().find(|(column, _)| column == "samples").unwrap().1;
    let stored = times(&dir, "kernel").len() as u64;
    assert!(samples.abs_diff(stored) <= 2, "stat took {samples} samples, {stored} are stored");
}

/// The last row of the first instance of a table.
fn last_row(dir: &std::path::Path, table: &str) -> Vec<(String, u64)> {
    let recording = Recording::open(dir).unwrap();
    let request = ScanRequest {
        table: table.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        ..ScanRequest::default()
    };
    let mut last = Vec::new();
    for item in recording.scan(request).unwrap() {
        let ScanItem::Chunk(chunk) = item.unwrap() else { panic!("a chunk was wanted") };
        let row = chunk.rows() - 1;
        let columns: Vec<_> = chunk.schema.row_columns().collect();
        last = chunk
            .selected
            .iter()
            .enumerate()
            .map(|(at, &column)| {
                let name = columns[column].name.clone();
                (name, chunk.value(at, 0, row).as_f64().unwrap() as u64)
            })
            .collect();
    }
    last
}
