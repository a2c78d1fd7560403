//! Histograms as they are recorded: in rows, in the steps of tiers, and damaged.

use super::support::{config, copy_of, everything_of, open_writer, push, rows_of, segments_of};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::{Recording, Rollup, ScanItem, ScanRequest, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{Histogram, Semantics};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const SECOND_NS: i64 = 1_000_000_000;
const PERCENTS: [f64; 5] = [0.0, 50.0, 99.0, 99.9, 100.0];

fn schema(interval_ns: u64) -> Schema {
    let mut schema = Schema::sample("block_latency", "a test", "how long requests took")
        .key("device", ColumnType::String, "name")
        .counter("requests", unit::COUNT, "completed")
        .histogram("latency_ns", unit::NS, "from issue to completion")
        .state("model", ColumnType::String, "what it is");
    schema.interval_ns = interval_ns;
    schema
}

/// What a device has in a sample; `None` where the histogram is absent.
type Latencies = Option<Vec<u64>>;

fn histogram_of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.add(*value));
    histogram
}

fn put(record: &mut RecordBuilder, time_ns: u64, rows: &[Latencies]) {
    record.begin_sample(time_ns);
    for (disk, latencies) in rows.iter().enumerate() {
        record.instance(|key| key.str(["sda", "sdb"][disk]));
        record.u64(time_ns);
        match latencies {
            Some(values) => record.histogram(&histogram_of(values)),
            None => record.absent(),
        }
        record.str("spinning rust");
    }
    record.end_sample();
}

fn options() -> WriterOptions {
    let tier = TierOptions { step_ns: 1_000_000_000, size_bytes: LEAST_RING_BYTES };
    WriterOptions { tiers: vec![tier], ..WriterOptions::new(4 * LEAST_RING_BYTES) }
}

/// Writes samples of two disks at 10 Hz.
fn write(dir: &Path, samples: &[[Latencies; 2]]) {
    let mut writer = RecordingWriter::open(dir, options()).unwrap();
    let schema = schema(100_000_000);
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for (number, rows) in samples.iter().enumerate() {
        put(&mut record, time_of(number), rows);
        if number % 10 == 9 {
            push(&mut writer, &mut record, table);
            writer.commit().unwrap();
        }
    }
    push(&mut writer, &mut record, table);
    writer.close().unwrap();
}

fn time_of(sample: usize) -> u64 {
    5_000_000_123 + sample as u64 * 100_000_000
}

/// The steps of the tier: what the histograms say, by second and device.
fn steps_of(dir: &Path) -> BTreeMap<(i64, String), Histogram> {
    let recording = Recording::open(dir).unwrap();
    let rollup = Some(Rollup { origin: 0, step: SECOND_NS });
    let request =
        ScanRequest { rollup, columns: Some(vec![1]), ..everything_of("block_latency", 1) };
    let mut steps = BTreeMap::new();
    for item in recording.scan(request).unwrap() {
        let ScanItem::Summary(summary) = item.unwrap() else { panic!("no step of a tier") };
        for (column, keys) in summary.columns.iter().zip(&summary.instances) {
            if column.count > 0 {
                let mut histogram = Histogram::new();
                histogram.merge_cell(summary.strings.get(column.last)).unwrap();
                steps.insert(
                    (summary.times.0.div_euclid(SECOND_NS), keys[0].to_string()),
                    histogram,
                );
            }
        }
    }
    steps
}

fn samples() -> impl Strategy<Value = Vec<[Latencies; 2]>> {
    let value = (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift);
    let latencies = prop::option::weighted(0.9, prop::collection::vec(value, 0..20));
    prop::collection::vec([latencies.clone(), latencies], 1..90)
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn rows_have_the_histograms_that_were_put_there(samples in samples()) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &samples);
        let (rows, problems) = rows_of(dir.path(), "block_latency", 1);
        prop_assert!(problems.is_empty(), "{problems:?}");
        let sent = samples.iter().flatten();
        for ((_, _, values), sent) in rows.iter().zip(sent) {
            match (&values[1], sent) {
                (Value::Bytes(cell), Some(sent)) => {
                    let mut read = Histogram::new();
                    read.merge_cell(cell).unwrap();
                    prop_assert_eq!(read, histogram_of(sent));
                }
                (read, sent) => prop_assert!(*read == Value::Absent && sent.is_none()),
            }
        }
        prop_assert_eq!(rows.len(), samples.len() * 2);
    }

    #[test]
    fn percentiles_out_of_a_tier_are_those_of_its_rows(samples in samples()) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &samples);
        let offset = ClockOffset::now().offset_ns;
        let mut expected: BTreeMap<(i64, String), Histogram> = BTreeMap::new();
        for (number, rows) in samples.iter().enumerate() {
            let second = offset.saturating_add_unsigned(time_of(number)).div_euclid(SECOND_NS);
            for (disk, latencies) in rows.iter().enumerate() {
                let Some(latencies) = latencies else { continue };
                let step = expected.entry((second, ["sda", "sdb"][disk].into())).or_default();
                latencies.iter().for_each(|value| step.add(*value));
            }
        }
        let steps = steps_of(dir.path());
        prop_assert_eq!(&steps, &expected);
        for (step, expected) in steps.values().zip(expected.values()) {
            for percent in PERCENTS {
                prop_assert_eq!(step.percentile(percent), expected.percentile(percent));
            }
        }
    }
}

#[test]
fn the_schema_of_a_histogram_is_one_of_a_gauge() {
    let column = &schema(0).values[1];
    assert_eq!((column.kind, column.semantics), (ColumnType::Histogram, Semantics::Gauge));
    assert_eq!((column.kind.name(), &*column.unit), ("histogram", unit::NS));
}

/// 200 samples of one disk, of which the 70th has a cell that is no histogram.
fn write_malformed(writer: &mut RecordingWriter) {
    let schema = schema(100_000_000);
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for number in 0..200 {
        record.begin_sample(time_of(number));
        record.instance(|key| key.str("sda"));
        record.u64(number as u64);
        match number {
            70 => record.bytes(&[1, 0]),
            _ => record.histogram(&histogram_of(&[7])),
        }
        record.str("spinning rust");
        record.end_sample();
        push(writer, &mut record, table);
        writer.commit().unwrap();
    }
}

fn assert_told(dir: &Path) {
    let (rows, problems) = rows_of(dir, "block_latency", 1);
    assert_eq!(rows.len(), 200, "its row is still there");
    assert_eq!(rows[70].2[..2], [Value::U64(70), Value::Absent]);
    assert_eq!(rows[71].2[..2], [Value::U64(71), Value::Bytes(vec![8, 1])]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let told = "malformed histograms in the column latency_ns: 1";
    assert!(problems[0].contains(told) && problems[0].contains("segment"), "{problems:?}");
}

#[test]
fn a_cell_that_is_no_histogram_is_told_and_all_else_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::open(dir.path(), options()).unwrap();
    write_malformed(&mut writer);
    writer.close().unwrap();
    assert_told(dir.path());
    let problems: Vec<String> = Recording::open(dir.path())
        .unwrap()
        .verify()
        .flat_map(|verdict| match verdict {
            Verdict::Segment(verified) => verified.problems,
            Verdict::Unreadable(problem) => vec![problem],
        })
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(problems.len(), 2, "one in the ring, one in the tier: {problems:?}");

    for segment in segments_of(dir.path()) {
        std::fs::remove_file(segment).unwrap();
    }
    let recording = Recording::open(dir.path()).unwrap();
    let (mut steps, mut told, mut without) = (0, 0, 0);
    for item in recording.scan(everything_of("block_latency", 1)).unwrap() {
        match item.unwrap() {
            ScanItem::Summary(summary) => {
                steps += 1;
                without += usize::from(summary.columns[1].count == 0);
                assert!(summary.columns[0].count > 0, "its counter is still there");
            }
            ScanItem::Problem(_) => told += 1,
            ScanItem::Chunk(_) => panic!("rows that are no more"),
        }
    }
    assert!(steps >= 20, "{steps} steps");
    assert_eq!((told, without), (1, 1), "one step was spoilt");
}

#[test]
fn a_cell_that_is_no_histogram_is_told_out_of_the_journal_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    // One sample makes no block yet.
    let schema = Schema { interval_ns: 1_000_000_000, ..schema(0) };
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    record.begin_sample(1000);
    record.instance(|key| key.str("sda"));
    record.u64(1);
    record.bytes(&[0x80]);
    record.absent();
    record.end_sample();
    push(&mut writer, &mut record, table);
    writer.commit().unwrap();
    let killed = copy_of(dir.path());
    let (rows, problems) = rows_of(killed.path(), "block_latency", 1);
    assert_eq!(rows[0].2, [Value::U64(1), Value::Absent, Value::Absent]);
    assert_eq!(problems.len(), 1, "{problems:?}");
}
