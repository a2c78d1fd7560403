//! Tables, samples and scans that the tests share.

use nodemon_formats::block::Rows;
use nodemon_formats::reader::{Chunk, ReadError, Recording, ScanItem, ScanRequest};
use nodemon_formats::record::{RecordBuilder, RecordView};
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use proptest::prelude::ProptestConfig;
use rkyv::util::AlignedVec;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One row as it should come back: time, keys, values.
pub type Row = (u64, Vec<Value>, Vec<Value>);

pub const RING_BYTES: u64 = 16 << 20;

/// A table with every type of column and two keys.
pub fn every_type(interval_ns: u64) -> Schema {
    let mut schema = Schema::sample("every_type", "a test", "every type of column")
        .key("cpu", ColumnType::U64, "a number")
        .key("device", ColumnType::String, "a name")
        .counter("count", unit::COUNT, "grows")
        .gauge("level_bytes", ColumnType::U64, unit::BYTES, "moves")
        .gauge("signed", ColumnType::I64, unit::COUNT, "moves below zero")
        .gauge("ratio", ColumnType::F64, unit::RATIO, "moves by fractions")
        .state("flag", ColumnType::Bool, "yes or no")
        .state("name", ColumnType::String, "text")
        .state("raw", ColumnType::Bytes, "bytes");
    schema.interval_ns = interval_ns;
    schema
}

pub fn put_value(record: &mut RecordBuilder, value: &Value) {
    match value {
        Value::U64(v) => record.u64(*v),
        Value::I64(v) => record.i64(*v),
        Value::F64(v) => record.f64(*v),
        Value::Bool(v) => record.bool(*v),
        Value::String(v) => record.str(v),
        Value::Bytes(v) => record.bytes(v),
        Value::Absent => record.absent(),
    }
}

/// Puts an event into the record.
pub fn put_event(record: &mut RecordBuilder, time_ns: u64, values: &[Value]) {
    record.begin_event(time_ns);
    values.iter().for_each(|value| put_value(record, value));
    record.end_event();
}

/// Puts one sample of some instances into the record.
pub fn put_sample(record: &mut RecordBuilder, time_ns: u64, rows: &[(Vec<Value>, Vec<Value>)]) {
    record.begin_sample(time_ns);
    for (keys, values) in rows {
        record.instance(|filler| {
            for key in keys {
                match key {
                    Value::U64(v) => filler.u64(*v),
                    Value::String(v) => filler.str(v),
                    other => panic!("no test has a key like {other:?}"),
                }
            }
        });
        values.iter().for_each(|value| put_value(record, value));
    }
    record.end_sample();
}

pub fn open_writer(dir: &Path) -> RecordingWriter {
    RecordingWriter::open(dir, WriterOptions::new(RING_BYTES)).unwrap()
}

/// Finishes the record and pushes it.
pub fn push(writer: &mut RecordingWriter, record: &mut RecordBuilder, table: u32) {
    let mut archive = AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
}

/// Everything that a recording has of a table.
pub fn everything_of(table: &str, threads: usize) -> ScanRequest {
    ScanRequest {
        table: table.into(),
        from: i64::MIN,
        to: i64::MAX,
        threads,
        ..ScanRequest::default()
    }
}

/// All rows of a table, by time and in the order of instances, and what was damaged.
pub fn rows_of(dir: &Path, table: &str, threads: usize) -> (Vec<Row>, Vec<String>) {
    let recording = Recording::open(dir).unwrap();
    let (rows, mut problems) = rows_in(&recording, table, threads);
    problems.extend(recording.problems().iter().map(ToString::to_string));
    (rows, problems)
}

/// What is told of a summary behind rows: the ring has a hole, which a tier fills.
pub const SUMMARY_BETWEEN_ROWS: &str = "a summary that nobody asked for";

/// The rows of an opened recording, none where it has no such table, and what the scan told.
pub fn rows_in(recording: &Recording, table: &str, threads: usize) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut wall = i64::MIN;
    let scan = match recording.scan(everything_of(table, threads)) {
        Err(ReadError::UnknownTable(_)) => return (rows, problems),
        scan => scan.unwrap(),
    };
    for item in scan {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => {
                for row in 0..chunk.rows() {
                    assert!(chunk.times[row] >= wall, "wall time went backwards");
                    wall = chunk.times[row];
                    rows.extend(rows_at(&chunk, row));
                }
            }
            // Of what is older than the ring.
            ScanItem::Summary(_) if rows.is_empty() => {}
            ScanItem::Summary(_) => problems.push(SUMMARY_BETWEEN_ROWS.to_owned()),
            ScanItem::Problem(problem) => problems.push(problem.to_string()),
        }
    }
    (rows, problems)
}

/// The rows of one sample or event of a chunk.
pub fn rows_at(chunk: &Chunk, row: usize) -> impl Iterator<Item = Row> {
    let present =
        chunk.instances.iter().enumerate().filter(move |(at, _)| chunk.present[*at].at(row));
    present.map(move |(at, keys)| {
        let values = (0..chunk.selected.len()).map(|s| chunk.value(s, at, row));
        (chunk.boot_times[row], keys.clone(), values.collect())
    })
}

/// Values that compare as equal when their bits are: NaN is itself.
pub fn bits(rows: &[Row]) -> Vec<String> {
    let value = |value: &Value| match value {
        Value::F64(v) => format!("f64:{:016x}", v.to_bits()),
        other => format!("{other:?}"),
    };
    let all = |values: &[Value]| values.iter().map(value).collect::<Vec<_>>().join(",");
    rows.iter()
        .map(|(time, keys, values)| format!("{time} [{}] {}", all(keys), all(values)))
        .collect()
}

/// Bytes that a directory and all below it take on disk, as `du` counts them: a file of several names
/// once.
pub fn du(path: &Path) -> u64 {
    du_of(path, &mut BTreeSet::new())
}

fn du_of(path: &Path, seen: &mut BTreeSet<(u64, u64)>) -> u64 {
    let Ok(found) = path.symlink_metadata() else { return 0 };
    let own = match seen.insert((found.dev(), found.ino())) {
        true => found.blocks() * 512,
        false => 0,
    };
    let entries = match found.is_dir() {
        true => std::fs::read_dir(path).into_iter().flatten().collect(),
        false => Vec::new(),
    };
    entries.into_iter().map(|entry| du_of(&entry.unwrap().path(), seen)).sum::<u64>() + own
}

/// Copies a recording as it stands, holes as holes: what the next run finds when this one is killed
/// now.
pub fn copy_of(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let from = dir.join(".");
    let copied = std::process::Command::new("cp")
        .args(["-a", "--sparse=always"])
        .args([&from, copy.path()])
        .status();
    assert!(copied.unwrap().success(), "cannot copy {}", dir.display());
    copy
}

/// The segment files of a directory, oldest first.
pub fn segments_of(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "redb"))
        .collect();
    segments.sort();
    segments
}

/// Finishes the record and appends it to `rows`; returns its archive.
pub fn push_into(
    rows: &mut Rows,
    schema: &Schema,
    record: &mut RecordBuilder,
    table: u32,
) -> AlignedVec {
    let mut archive = AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    let view = RecordView::access(&archive, schema.row_width(), schema.key_width()).unwrap();
    rows.append(&view).unwrap();
    archive
}

/// How a property is tested: over `cases` cases, or so many times more where `NODEMON_TEST_EFFORT`
/// says so. What fails is in the message, not in a file.
pub fn config(cases: u32) -> ProptestConfig {
    let effort = std::env::var("NODEMON_TEST_EFFORT").ok();
    let effort = effort.and_then(|effort| effort.parse::<u32>().ok()).unwrap_or(1);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases * effort) }
}
