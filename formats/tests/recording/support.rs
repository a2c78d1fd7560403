//! Tables, samples and scans that the tests share.

use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use rkyv::util::AlignedVec;
use std::path::Path;

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

/// All rows of a table, by time and in the order of instances, and what was damaged.
pub fn rows_of(dir: &Path, table: &str, threads: usize) -> (Vec<Row>, Vec<String>) {
    let recording = Recording::open(dir).unwrap();
    let request = ScanRequest {
        table: table.into(),
        from: i64::MIN,
        to: i64::MAX,
        threads,
        ..ScanRequest::default()
    };
    let mut rows = Vec::new();
    let mut problems: Vec<String> = recording.problems().iter().map(ToString::to_string).collect();
    let mut wall = i64::MIN;
    for item in recording.scan(request).unwrap() {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => {
                for row in 0..chunk.rows() {
                    assert!(chunk.times[row] >= wall, "wall time went backwards");
                    wall = chunk.times[row];
                    for (at, keys) in chunk.instances.iter().enumerate() {
                        if chunk.present[at].at(row) {
                            let values = (0..chunk.selected.len()).map(|s| chunk.value(s, at, row));
                            rows.push((chunk.boot_times[row], keys.clone(), values.collect()));
                        }
                    }
                }
            }
            ScanItem::Summary(_) => panic!("a summary that nobody asked for"),
            ScanItem::Problem(problem) => problems.push(problem.to_string()),
        }
    }
    (rows, problems)
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
