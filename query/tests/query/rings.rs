//! Recordings that are still written, and time that the ring has forgotten.

use super::support::*;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{ColumnType, Schema};
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

const CPUS: u64 = 64;
const COLUMNS: u64 = 24;

/// A table that does not compress, so that a small ring forgets soon.
fn noise() -> Schema {
    let mut schema = Schema::sample("noise", "a test", "Noise").key("cpu", ColumnType::U64, "");
    for column in 0..COLUMNS {
        schema = schema.gauge(&format!("level{column}"), ColumnType::U64, unit::COUNT, "");
    }
    let mut schema = schema.counter("grows", unit::COUNT, "a hundred a second");
    schema.interval_ns = INTERVAL_NS;
    schema
}

fn level(n: u64, cpu: u64, column: u64) -> u64 {
    ((n * CPUS + cpu) * COLUMNS + column + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Writes 150 s into a ring for less. Returns the wall time of the first sample, ns.
fn write(dir: &Path) -> i64 {
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: SECOND_NS, size_bytes: 2 * LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let start_ns = first_boot_time();
    for n in 0..1500 {
        record.begin_sample(start_ns + n * INTERVAL_NS);
        for cpu in 0..CPUS {
            record.instance(|key| key.u64(cpu));
            (0..COLUMNS).for_each(|column| record.u64(level(n, cpu, column)));
            record.u64(n * 10);
        }
        record.end_sample();
        if n % 10 == 9 {
            let mut archive = rkyv::util::AlignedVec::new();
            record.finish(table, &mut archive).unwrap();
            writer.push(&archive).unwrap();
            writer.commit().unwrap();
        }
    }
    writer.close().unwrap();
    ClockOffset::now().offset_ns.saturating_add_unsigned(start_ns)
}

#[test]
fn time_that_the_ring_has_forgotten_is_answered_by_a_tier_which_is_told() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let start = write(&dir) / 1_000_000_000;
    let from = format!("@{start}");
    let asked = |args: &[&str]| {
        let mut all = vec!["range", "-t", "noise", "-f", "jsonl", "-w", "cpu=3", "--from", &from];
        all.extend(args);
        let said = ask(&dir, &all);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        let rows = said.out.lines().map(|line| serde_json::from_str(line).unwrap());
        (rows.collect::<Vec<serde_json::Value>>(), said.err)
    };

    let (rows, told) = asked(&["--to", "+10s", "-c", "level0,grows"]);
    assert_eq!(rows.len(), 10, "one row a second is left of ten");
    assert!(told.contains("note: before") && told.contains("only downsampled data of"), "{told}");
    for (second, row) in rows.iter().enumerate() {
        let last = second as u64 * 10 + 9;
        assert_eq!(row["level0"], level(last, 3, 0), "second {second}");
        assert_eq!(row["grows"], last * 10, "second {second}");
    }

    let (steps, told) =
        asked(&["--to", "+10s", "--step", "5s", "--agg", "min,max,avg", "-c", "level0"]);
    assert_eq!(told, "", "five seconds are made of seconds: nothing is missing");
    for (step, row) in steps.iter().enumerate() {
        let levels: Vec<u64> = (0..50).map(|n| level(step as u64 * 50 + n, 3, 0)).collect();
        let mean = levels.iter().sum::<u64>() as f64 / 50.0;
        assert_eq!(row["level0_min"].as_u64(), levels.iter().min().copied());
        assert_eq!(row["level0_max"].as_u64(), levels.iter().max().copied());
        let told = row["level0_avg"].as_f64().unwrap();
        assert!((told / mean - 1.0).abs() < 1e-9, "mean of step {step} is {mean}, told {told}");
    }

    let (rates, _) = asked(&["--step", "1s", "--rate", "-c", "grows"]);
    assert_eq!(rates.len(), 150, "tier and ring together have every second");
    for row in &rates[1..] {
        let rate = row["grows_per_s"].as_f64().unwrap();
        assert!((rate - 100.0).abs() < 1e-6, "{row}");
    }
    let info = ask(&dir, &["info"]).out;
    assert!(info.contains("tier        1.0 s: "), "{info}");
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn results_stream_so_that_memory_does_not_grow_with_the_range() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    write(&dir);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("nodemon-query"))
        .args(["range", "-t", "noise", "-f", "csv", "--dir"])
        .arg(&dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    // The process is never further than a pipe and a batch ahead of what was read.
    let mut read = |bytes: u64| std::io::copy(&mut out.by_ref().take(bytes), &mut std::io::sink());
    let part = 5 << 20;
    assert_eq!(read(part).unwrap(), part);
    let early = peak_kib(child.id());
    assert_eq!(read(2 * part).unwrap(), 2 * part);
    let late = peak_kib(child.id());
    assert!(read(u64::MAX).unwrap() > 0, "the whole answer was ahead of what was read");
    assert!(child.wait().unwrap().success());
    assert!(late < early + 4096, "{early} KiB after 5 MiB of rows, {late} KiB after 15 MiB");
}

#[test]
fn minus_five_minutes_counts_from_now_while_somebody_writes() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    write(&dir);
    let _writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let info = ask(&dir, &["info"]);
    assert!(info.out.contains("live: a recorder is writing to it"), "{}", info.out);
    let said = ask(&dir, &["range", "-t", "noise", "--from", "-5s"]);
    assert_eq!(said.code, Some(3), "these rows are older than five seconds: {}", said.out);
    assert!(said.err.contains("noise spans") && !said.err.contains("not live"), "{}", said.err);
}
