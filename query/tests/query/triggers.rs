//! `--trigger N`.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Schema, schema::unit};
use std::path::Path;

fn trigger() -> Schema {
    Schema::event("trigger", "test", "Which rules fired")
        .key("rule", ColumnType::String, "its name")
        .state("is_extended", ColumnType::Bool, "whether it held on")
        .gauge("held_ns", ColumnType::U64, unit::NS, "for how long")
        .gauge("raised_ns", ColumnType::U64, unit::NS, "how long rates are raised")
}

fn load() -> Schema {
    let schema = Schema::sample("load", "test", "The load");
    let mut schema = schema.gauge("load1", ColumnType::U64, unit::COUNT, "of a minute");
    schema.interval_ns = SECOND_NS;
    schema
}

/// Writes a load each second for 600 s, and what fired: second, rule, whether it held on, for how
/// long it had held and for how long rates are raised, s.
fn record(dir: &Path, fired: &[(u64, &str, bool, u64, u64)]) {
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(16 << 20)).unwrap();
    let start_ns = first_boot_time();
    let mut archive = rkyv::util::AlignedVec::new();
    let (schema, mut record) = (load(), RecordBuilder::new(&load()));
    let number = writer.add_table(schema);
    for second in 0..600 {
        record.begin_sample(start_ns + second * SECOND_NS);
        record.u64(second);
        record.end_sample();
    }
    record.finish(number, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    let (schema, mut record) = (trigger(), RecordBuilder::new(&trigger()));
    let number = writer.add_table(schema);
    for (second, rule, is_extended, held, raised) in fired {
        record.begin_event(start_ns + second * SECOND_NS);
        record.str(rule);
        record.bool(*is_extended);
        record.u64(held * SECOND_NS);
        record.u64(raised * SECOND_NS);
        record.end_event();
    }
    if !fired.is_empty() {
        record.finish(number, &mut archive).unwrap();
        writer.push(&archive).unwrap();
    }
    writer.close().unwrap();
}

/// The first and the last load that `--trigger NUMBER` asks for.
fn seconds(dir: &Path, number: &str) -> (u64, u64) {
    let said = ask(dir, &["range", "-t", "load", "-f", "jsonl", "--trigger", number]);
    assert_eq!(said.code, Some(0), "--trigger {number}: {}", said.err);
    let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let loads = said.out.lines().map(|line| row(line)["load1"].as_u64().unwrap());
    let loads: Vec<u64> = loads.collect();
    (loads[0], loads[loads.len() - 1])
}

#[test]
fn the_span_of_a_trigger_is_from_a_minute_before_it_held_until_rates_are_as_before() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    record(
        &dir,
        &[
            (100, "load", false, 30, 60),
            (300, "psi_io", false, 0, 40),
            (310, "queue", false, 0, 10),
            (330, "psi_io", true, 30, 55),
        ],
    );
    assert_eq!(seconds(&dir, "1"), (250, 369), "queue, though another held on after it");
    assert_eq!(seconds(&dir, "2"), (240, 384), "psi_io, until it was over");
    assert_eq!(seconds(&dir, "3"), (10, 159), "load, which had held for 30 s");
    let none = ask(&dir, &["range", "-t", "load", "--trigger", "4"]);
    assert_eq!(none.code, Some(3), "{}", none.err);
    let is_told = none.err.contains("no trigger 4") && none.err.contains("3 have fired");
    assert!(is_told, "{}", none.err);
    let both = ask(&dir, &["range", "-t", "load", "--trigger", "1", "--from", "-5m"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
}

#[test]
fn a_recording_in_which_nothing_fired_says_so() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    record(&dir, &[]);
    let none = ask(&dir, &["range", "-t", "load", "--trigger", "1"]);
    assert_eq!(none.code, Some(3), "{}", none.err);
    assert!(none.err.contains("none has fired"), "{}", none.err);
}

#[test]
fn of_very_many_triggers_the_last_are_found_and_the_rest_is_told() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let fired: Vec<_> = (0..10_100).map(|n| (n / 20, "load", false, 0, 0)).collect();
    record(&dir, &fired);
    assert_eq!(seconds(&dir, "1"), (444, 563), "the last");
    assert_eq!(seconds(&dir, "10000").0, 0, "the 10,000th last");
    let beyond = ask(&dir, &["range", "-t", "load", "--trigger", "10001"]);
    assert_eq!(beyond.code, Some(3), "{}", beyond.err);
    assert!(beyond.err.contains("10100 have fired; the last 10000 are searched"), "{}", beyond.err);
}
