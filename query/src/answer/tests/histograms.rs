//! Histograms, recorded and asked about, against the values that went into them.

use super::{Lines, SECOND, stepped};
use crate::answer::answer;
use crate::error::Outcome;
use crate::question::{Aggregate, Plan, Question};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{ColumnType, Histogram, Schema};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// What a device has in a sample: how much, and how long each took; absent where that is `None`.
type Row = (u64, Option<Vec<u64>>);

fn schema() -> Schema {
    let mut schema = Schema::sample("block_latency", "a test", "How long requests took")
        .key("device", ColumnType::U64, "which")
        .gauge("queue", ColumnType::U64, unit::COUNT, "how many wait")
        .histogram("latency_ns", unit::NS, "from issue to completion");
    schema.interval_ns = SECOND as u64 / 10;
    schema
}

fn time_of(sample: usize) -> u64 {
    7_000_000_000 + sample as u64 * 100_000_000
}

/// Records samples of two devices at 10 Hz, with a tier of a second.
fn record(dir: &Path, samples: &[[Row; 2]]) {
    let tiers = vec![TierOptions { step_ns: SECOND as u64, size_bytes: LEAST_RING_BYTES }];
    let options = WriterOptions { tiers, ..WriterOptions::new(4 * LEAST_RING_BYTES) };
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let table = writer.add_table(schema());
    let mut record = RecordBuilder::new(&schema());
    let mut push = |record: &mut RecordBuilder| {
        let mut archive = rkyv::util::AlignedVec::new();
        record.finish(table, &mut archive).unwrap();
        writer.push(&archive).unwrap();
        writer.commit().unwrap();
    };
    for (number, rows) in samples.iter().enumerate() {
        record.begin_sample(time_of(number));
        for (device, (queue, values)) in rows.iter().enumerate() {
            record.instance(|key| key.u64(device as u64));
            record.u64(*queue);
            match values {
                Some(values) => record.histogram(&all_of(values)),
                None => record.absent(),
            }
        }
        record.end_sample();
        if number % 20 == 19 {
            push(&mut record);
        }
    }
    if record.samples() > 0 {
        push(&mut record);
    }
    writer.close().unwrap();
}

fn all_of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.add(*value));
    histogram
}

fn forget_rows(dir: &Path) {
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "redb") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn told(dir: &Path, plan: &Plan) -> Vec<String> {
    let recording = Recording::open(dir).unwrap();
    let kinds = plan.header.fields.iter().map(|field| field.kind).collect();
    let mut lines = Lines { kinds, lines: Vec::new() };
    let answer = answer(&recording, plan, &mut lines, &mut |problem| panic!("{problem}")).unwrap();
    assert_eq!(answer.outcome, Outcome::Complete);
    lines.lines.retain(|line| !line.starts_with("gap"));
    lines.lines
}

fn asked(length: i64, aggregates: &str, filters: &[&str]) -> Plan {
    let filters = filters.iter().map(|filter| filter.parse().unwrap()).collect();
    let columns = vec!["latency".into()];
    let all = Question { from: 0, to: i64::MAX / 2, columns, filters, ..Question::default() };
    stepped(all, length, aggregates).plan(&schema().into(), "").unwrap()
}

/// The rows of `samples` that pass, together by step and device.
fn model(samples: &[[Row; 2]], plan: &Plan, passes: impl Fn(u64) -> bool) -> Vec<String> {
    let offset = ClockOffset::now().offset_ns;
    let step = plan.step.unwrap();
    let mut steps: BTreeMap<(i64, usize), Option<Histogram>> = BTreeMap::new();
    for (number, rows) in samples.iter().enumerate() {
        let wall = offset.saturating_add_unsigned(time_of(number));
        for (device, (queue, values)) in rows.iter().enumerate() {
            if !passes(*queue) {
                continue;
            }
            let all = steps.entry((step.number_at(wall), device)).or_default();
            if let Some(values) = values {
                all.get_or_insert_default().merge(&all_of(values));
            }
            // A row is there for the value that it was filtered by.
            if !plan.value_tests.is_empty() {
                all.get_or_insert_default();
            }
        }
    }
    let line = |((number, device), all): (&(i64, usize), &Option<Histogram>)| {
        let all = all.as_ref()?;
        let float = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.6e}"));
        let integer = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
        let cells = plan.cells.iter().map(|cell| match cell.aggregate.unwrap() {
            Aggregate::Count => all.count().to_string(),
            Aggregate::Min => integer(all.min()),
            Aggregate::Max => integer(all.max()),
            Aggregate::Avg => float(all.mean()),
            Aggregate::Sum => float(all.mean().map(|mean| mean * all.count() as f64)),
            Aggregate::Percentile(percent) => float(all.percentile(percent)),
            other => panic!("{other:?} makes no sense for a histogram"),
        });
        let cells: Vec<String> = cells.collect();
        Some(format!("{} {device} {}", step.start(*number), cells.join(" ")))
    };
    steps.iter().filter_map(line).collect()
}

fn samples() -> impl Strategy<Value = Vec<[Row; 2]>> {
    let value = (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift);
    let values = prop::option::weighted(0.8, prop::collection::vec(value, 0..8));
    let row = (0..10u64, values);
    prop::collection::vec([row.clone(), row], 1..70)
}

const EVERY: &str = "count,min,max,avg,sum,p0,p50,p99,p999,p100";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn aggregates_of_histograms_are_those_of_all_values_in_a_step_from_rows_and_from_tiers(
        samples in samples(), length in prop::sample::select(&[3, 10, 20, 600][..]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path(), &samples);
        let plan = asked(length * SECOND / 10, EVERY, &[]);
        prop_assert!(plan.request().rollup.is_some(), "a tier has all of it");
        prop_assert_eq!(told(dir.path(), &plan), model(&samples, &plan, |_| true));
        let passing = asked(length * SECOND / 10, EVERY, &["queue>4"]);
        let expected = model(&samples, &passing, |queue| queue > 4);
        prop_assert_eq!(told(dir.path(), &passing), expected);
        if length >= 10 {
            forget_rows(dir.path());
            prop_assert_eq!(told(dir.path(), &plan), model(&samples, &plan, |_| true));
        }
    }

    #[test]
    fn histograms_as_they_are_have_every_bucket(samples in samples()) {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path(), &samples);
        let all = Question { from: 0, to: i64::MAX / 2, ..Question::default() };
        let plan = all.plan(&schema().into(), "").unwrap();
        prop_assert_eq!(plan.header.fields[2].kind, ColumnType::Histogram);
        let lines = told(dir.path(), &plan);
        prop_assert_eq!(lines.len(), samples.len() * 2);
        for (line, (_, values)) in lines.iter().zip(samples.iter().flatten()) {
            let text = line.splitn(4, ' ').nth(3).unwrap();
            let Some(values) = values else {
                prop_assert_eq!(text, "-");
                continue;
            };
            let mut read = Histogram::new();
            for pair in text.split(' ').filter(|pair| !pair.is_empty()) {
                let (lower, count) = pair.split_once(':').unwrap();
                let bucket = nodemon_formats::histogram::bucket(lower.parse().unwrap());
                read.add_bucket(bucket, count.parse().unwrap());
            }
            prop_assert_eq!(read, all_of(values));
        }
    }
}

#[test]
fn percentiles_of_steps_are_merged_and_never_averaged() {
    let dir = tempfile::tempdir().unwrap();
    // One slow second among many: the mean of the p99 would be far from either.
    let idle = || [(0, Some(Vec::new())), (0, None)];
    let mut samples: Vec<[Row; 2]> = (0..50).map(|_| idle()).collect();
    samples[10][0].1 = Some(vec![1000; 990]);
    samples[20][0].1 = Some(vec![1_000_000; 10]);
    record(dir.path(), &samples);
    let lines = told(dir.path(), &asked(3600 * SECOND, "p50,p99,p999,count", &[]));
    assert_eq!(lines.len(), 1, "a device whose histogram is absent has no row: {lines:?}");
    let cells: Vec<&str> = lines[0].split(' ').skip(2).collect();
    assert_eq!(cells, ["9.915000e2", "9.915000e2", "1.015808e6", "1000"]);
}
