//! Rollup tiers say of a step what its rows said.

use super::noise::{noise, push_noise};
use super::support::{push, rows_in};
use nodemon_formats::reader::{Recording, Rollup, ScanItem, ScanRequest, WallGap};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{Gap, GapCause};
use std::collections::BTreeMap;
use std::path::Path;

const SECOND_NS: i64 = 1_000_000_000;

fn schema() -> Schema {
    let mut schema = Schema::sample("disk", "a test", "disks")
        .key("device", ColumnType::String, "name")
        .counter("reads", unit::COUNT, "completed")
        .gauge("in_flight", ColumnType::U64, unit::COUNT, "under way")
        .state("model", ColumnType::String, "what it is");
    schema.interval_ns = 100_000_000;
    schema
}

/// What one step of one device comes to: last reads, and of `in_flight` last, min, max, mean.
#[derive(Debug, Default, PartialEq)]
struct Step {
    samples: u64,
    reads: u64,
    last: u64,
    min: u64,
    max: u64,
    sum: u64,
}

/// Writes 100 s of two disks at 10 Hz and returns the steps by second (of wall time) and device.
fn write(dir: &Path) -> BTreeMap<(i64, String), Step> {
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 1_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let schema = schema();
    let table = writer.add_table(schema.clone());
    writer.commit().unwrap();
    let mut record = RecordBuilder::new(&schema);
    let mut steps = BTreeMap::new();
    let offset = nodemon_formats::clock::ClockOffset::now().offset_ns;
    let start = 5_000_000_123u64;
    for sample in 0..1000u64 {
        let time = start + sample * 100_000_000;
        record.begin_sample(time);
        for device in ["sda", "sdb"] {
            if device == "sdb" && sample % 50 > 30 {
                continue;
            }
            let (reads, in_flight) = (sample * 3, (sample * 7919) % 13);
            record.instance(|key| key.str(device));
            record.u64(reads);
            record.u64(in_flight);
            record.str("spinning rust");
            let second = offset.saturating_add_unsigned(time).div_euclid(SECOND_NS);
            let step = steps
                .entry((second, device.to_owned()))
                .or_insert_with(|| Step { min: u64::MAX, ..Step::default() });
            step.samples += 1;
            step.reads = reads;
            step.last = in_flight;
            step.min = step.min.min(in_flight);
            step.max = step.max.max(in_flight);
            step.sum += in_flight;
        }
        record.end_sample();
        push(&mut writer, &mut record, table);
        if sample % 10 == 9 {
            writer.commit().unwrap();
        }
    }
    writer.close().unwrap();
    steps
}

fn read(dir: &Path, rollup: Option<Rollup>) -> BTreeMap<(i64, String), Step> {
    let recording = Recording::open(dir).unwrap();
    let request = ScanRequest {
        table: "disk".into(),
        from: i64::MIN,
        to: i64::MAX,
        rollup,
        ..ScanRequest::default()
    };
    let mut steps = BTreeMap::new();
    for item in recording.scan(request).unwrap() {
        let ScanItem::Summary(summary) = item.unwrap() else {
            panic!("rows where steps of a tier were expected")
        };
        assert_eq!(summary.schema.values.len(), 3, "the schema is the one of the rows");
        let count = summary.instances.len();
        for (at, keys) in summary.instances.iter().enumerate() {
            let column = |s: usize| summary.columns[s * count + at];
            if column(0).count == 0 {
                continue;
            }
            let model = summary.strings.value(ColumnType::String, column(2).last);
            assert_eq!(model, Value::String("spinning rust".into()));
            let step = Step {
                samples: column(0).count,
                reads: column(0).last,
                last: column(1).last,
                min: column(1).min,
                max: column(1).max,
                sum: column(1).sum.round() as u64,
            };
            let second = summary.times.0.div_euclid(SECOND_NS);
            assert!(steps.insert((second, keys[0].to_string()), step).is_none());
        }
    }
    steps
}

#[test]
fn steps_made_of_a_tiers_steps_are_answered_by_the_tier() {
    let dir = tempfile::tempdir().unwrap();
    let written = write(dir.path());
    let rollup = Rollup { origin: 0, step: 10 * SECOND_NS };
    assert_eq!(read(dir.path(), Some(rollup)), written);
}

#[test]
fn what_the_ring_has_forgotten_the_tier_still_knows() {
    let dir = tempfile::tempdir().unwrap();
    let written = write(dir.path());
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "redb") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(read(dir.path(), None), written);
}

#[test]
fn a_table_whose_blocks_lag_behind_those_of_others_ends_with_its_newest_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 2_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let fast = Schema { name: "fast".into(), interval_ns: 1_000_000, ..schema() };
    let slow = Schema { name: "slow".into(), interval_ns: 1_000_000_000, ..schema() };
    let numbers = [&fast, &slow].map(|schema| writer.add_table(schema.clone()));
    let mut record = RecordBuilder::new(&fast);
    for second in 0..95u64 {
        for (table, samples) in numbers.into_iter().zip([10, 1]) {
            for sample in 0..samples {
                record.begin_sample(7_000_000_000 + second * 1_000_000_000 + sample * 1_000_000);
                record.instance(|key| key.str("sda"));
                record.u64(second);
                record.u64(1);
                record.str("spinning rust");
                record.end_sample();
            }
            push(&mut writer, &mut record, table);
        }
        writer.commit().unwrap();
    }
    let recording = Recording::open(dir.path()).unwrap();
    for (table, samples) in [("fast", 950), ("slow", 95)] {
        let rollup = Some(Rollup { origin: 0, step: 4 * SECOND_NS });
        let request = ScanRequest { rollup, ..super::support::everything_of(table, 1) };
        let (mut read, mut summaries) = (0, 0);
        for item in recording.scan(request).unwrap() {
            match item.unwrap() {
                ScanItem::Chunk(chunk) => read += chunk.rows(),
                ScanItem::Summary(summary) => {
                    read += summary.rows;
                    summaries += 1;
                }
                ScanItem::Problem(problem) => panic!("{problem}"),
            }
        }
        assert!(summaries > 10, "the tier was not asked for {table}");
        assert_eq!(read, samples, "samples of {table}");
    }
}

#[test]
fn a_step_in_which_nothing_was_there_is_a_sample_without_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 1_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let schema = schema();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    // The only disk is away for two seconds: what returns then may be another.
    for second in 5..10u64 {
        record.begin_sample(second * 1_000_000_000);
        if !(6..8).contains(&second) {
            record.instance(|key| key.str("sda"));
            record.u64(100 * second);
            record.u64(0);
            record.str("spinning rust");
        }
        record.end_sample();
    }
    push(&mut writer, &mut record, table);
    writer.close().unwrap();
    for segment in super::support::segments_of(dir.path()) {
        std::fs::remove_file(segment).unwrap();
    }
    let recording = Recording::open(dir.path()).unwrap();
    let request = super::support::everything_of("disk", 1);
    let steps: Vec<_> = recording
        .scan(request)
        .unwrap()
        .map(|item| match item.unwrap() {
            ScanItem::Summary(step) => {
                let instances = step.tier.unwrap().instances;
                let there = instances.iter().filter(|instance| instance.is_in_step).count();
                (step.boot_times.1 / 1_000_000_000, there)
            }
            other => panic!("steps of a tier are all that is left: {other:?}"),
        })
        .collect();
    assert_eq!(steps, [(5, 1), (6, 0), (7, 0), (8, 1), (9, 1)]);
}

#[test]
fn what_was_lost_is_told_by_a_tier_when_the_rows_around_it_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let size_bytes = LEAST_RING_BYTES;
    let options = WriterOptions {
        fine_size_bytes: 0,
        ..WriterOptions::with_tiers(
            2 * size_bytes,
            vec![TierOptions { step_ns: 1_000_000_000, size_bytes }],
        )
    };
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    // An hour ago, so that no gap waits for its step to end.
    let gap = |from_s: u64, tenths: u64, lost| Gap {
        table: "noise".into(),
        cause: GapCause::Late,
        from_ns: from_s * 1_000_000_000 + tenths * 100_000_000,
        to_ns: from_s * 1_000_000_000 + (tenths + 1) * 100_000_000,
        lost,
        detail: "the source overslept".into(),
    };
    let seconds = 120;
    for second in 0..seconds {
        push_noise(&mut writer, &mut record, table, second * 1000..(second + 1) * 1000);
        // Three of a second are one; those of 3 and 8 s are two.
        match second {
            3 | 8 => (0..3).for_each(|tenths| writer.gap(gap(second, 2 * tenths, 5))),
            110 => writer.gap(gap(second, 1, 7)),
            _ => {}
        }
        writer.commit().unwrap();
    }
    let told = |recording: &Recording| -> Vec<(u64, u64, u64)> {
        let raw = rows_in(recording, "noise", 1).0;
        assert!(raw[0].0 > 20 * 1_000_000_000, "the rows around the first are still there");
        let gaps = recording.gaps(Some("noise"), i64::MIN, i64::MAX).unwrap();
        let tenths = |ns: u64| ns / 100_000_000;
        let told =
            |WallGap { gap, .. }: &WallGap| (tenths(gap.from_ns), tenths(gap.to_ns), gap.lost);
        gaps.iter().map(told).collect()
    };
    let all = [(30, 35, 15), (80, 85, 15), (1101, 1102, 7)];
    assert_eq!(told(&Recording::open(dir.path()).unwrap()), all, "while it is written");
    writer.close().unwrap();
    assert_eq!(told(&Recording::open(dir.path()).unwrap()), all, "after closing");
}

#[test]
fn who_stays_grows_on_in_the_middle_of_a_block_in_which_a_storm_is_forgotten() {
    const STAY: u64 = 70;
    const COLUMNS: u64 = 40;
    const MINUTES: u64 = 5;
    let mut schema = Schema::sample("many", "a test", "").key("k", ColumnType::U64, "");
    for column in 0..COLUMNS {
        schema = schema.counter(&format!("c{column}"), unit::COUNT, "");
    }
    let schema = Schema { interval_ns: 1_000_000_000, ..schema };
    let dir = tempfile::tempdir().unwrap();
    let mut options = WriterOptions::new(64 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 60_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for second in 1..=60 * MINUTES {
        record.begin_sample(second * 1_000_000_000);
        // The storm ends 3 minutes before it is forgotten: in the midst of a block, which has more
        // rows than are handed on at a time.
        let instances = if second < 20 && second % 9 == 0 { 3000 } else { STAY };
        for instance in 0..instances {
            record.instance(|key| key.u64(instance));
            (0..COLUMNS).for_each(|column| record.u64(second * (1 + instance + column)));
        }
        record.end_sample();
        push(&mut writer, &mut record, table);
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    for segment in super::support::segments_of(dir.path()) {
        std::fs::remove_file(segment).unwrap();
    }
    let recording = Recording::open(dir.path()).unwrap();
    let (mut seconds, mut last) = (0, 1);
    for item in recording.scan(super::support::everything_of("many", 1)).unwrap() {
        let ScanItem::Summary(step) = item.unwrap() else { panic!("only steps are left") };
        let until = step.boot_times.1 / 1_000_000_000;
        let tier = step.tier.unwrap();
        for (at, key) in step.instances.iter().enumerate() {
            let Value::U64(instance) = key[0] else { panic!("{key:?}") };
            if instance >= STAY || !tier.instances[at].is_in_step {
                continue;
            }
            for column in 0..COLUMNS {
                let grown = tier.grown[column as usize * step.instances.len() + at];
                let expected = (until - last) * (1 + instance + column);
                assert_eq!(grown.unwrap_or(0), expected, "{instance} c{column} until {until} s");
            }
        }
        (seconds, last) = (seconds + until - last, until);
    }
    assert_eq!(seconds, 60 * MINUTES - 1);
}
