//! Recordings over several boots and clocks: order, wall times and the gaps in between.

use super::support::{push_into, rows_of};
use nodemon_formats::block::Encoder;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::{Recording, Rollup, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::segment::{Batch, ChunkKind, IndexEntry, SegmentDescription, SegmentWriter};
use std::path::Path;

const SECOND_NS: u64 = 1_000_000_000;
const WALL_NS: i64 = 1_700_000_000_000_000_000;

fn schema(tier_ns: u64) -> Schema {
    let mut schema = Schema::sample("load", "a test", "load").gauge(
        "load",
        ColumnType::U64,
        unit::COUNT,
        "a level",
    );
    schema.interval_ns = SECOND_NS;
    if tier_ns > 0 {
        schema.tier_ns = tier_ns;
        for (name, kind) in [
            ("load:min", ColumnType::U64),
            ("load:max", ColumnType::U64),
            ("load:mean", ColumnType::F64),
            (":samples", ColumnType::U64),
        ] {
            schema = schema.gauge(name, kind, unit::COUNT, "of a tier");
        }
    }
    schema
}

/// Writes a segment of one boot: rows at `seconds` after it, with the second as their value. The
/// wall clock is `offsets` from the seconds given on.
fn segment(
    dir: &Path,
    number: u64,
    tier_ns: u64,
    boot: &str,
    offsets: &[(u64, i64)],
    seconds: &[u64],
) {
    std::fs::create_dir_all(dir).unwrap();
    let clock = |(from_s, offset_s): &(u64, i64)| ClockOffset {
        from_ns: from_s * SECOND_NS,
        offset_ns: WALL_NS + offset_s * SECOND_NS.cast_signed(),
    };
    let description = SegmentDescription {
        number,
        host: "node".into(),
        boot_id: boot.into(),
        recorder_version: "test".into(),
        tier_ns,
        created: clock(&offsets[0]),
    };
    let mut writer = SegmentWriter::create(dir, &description).unwrap();
    let mut batch = Batch::default();
    let schema = schema(tier_ns);
    batch.put_schema(0, &schema).unwrap();
    for (id, offset) in offsets.iter().enumerate().skip(1) {
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&clock(offset)).unwrap();
        batch.put(ChunkKind::Clock, id as u64, &archive);
    }
    let mut rows = nodemon_formats::block::Rows::new(&schema);
    let mut record = RecordBuilder::new(&schema);
    for &second in seconds {
        record.begin_sample(second * SECOND_NS);
        record.u64(second);
        if tier_ns > 0 {
            record.u64(second);
            record.u64(second);
            record.f64(second as f64);
            record.u64(1);
        }
        record.end_sample();
    }
    push_into(&mut rows, &schema, &mut record, 0);
    let mut block = Vec::new();
    Encoder::default().encode(&rows, &schema, 0, &mut block).unwrap();
    let pieces = batch.put(ChunkKind::Block, 0, &block);
    batch.index(IndexEntry {
        table: 0,
        id: 0,
        first_ns: rows.times[0],
        last_ns: rows.times[rows.times.len() - 1],
        records: 1,
        rows: rows.times.len() as u32,
        size_bytes: block.len() as u32,
        pieces,
    });
    writer.commit(&batch).unwrap();
}

/// Wall seconds after `WALL_NS` and value of every row or step.
fn read(dir: &Path, rollup: Option<Rollup>) -> Vec<(i64, u64)> {
    let recording = Recording::open(dir).unwrap();
    assert!(recording.problems().is_empty(), "{:?}", recording.problems());
    let mut request = super::support::everything_of("load", 1);
    request.rollup = rollup;
    let mut rows = Vec::new();
    let second = |wall: i64| (wall - WALL_NS).div_euclid(SECOND_NS.cast_signed());
    for item in recording.scan(request).unwrap() {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => rows.extend(
                chunk
                    .times
                    .iter()
                    .enumerate()
                    .map(|(at, wall)| (second(*wall), chunk.cells(0, 0).words.at(at))),
            ),
            ScanItem::Summary(summary) => {
                rows.push((second(summary.times.0), summary.columns[0].last));
            }
            ScanItem::Problem(problem) => panic!("{problem}"),
        }
    }
    rows
}

#[test]
fn a_boot_that_a_tier_does_not_know_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let tier = dir.path().join("tier-1s");
    for (number, boot, offset) in [(1, "a", 0), (2, "b", 1000), (3, "c", 2000)] {
        segment(dir.path(), number, 0, boot, &[(0, offset)], &[10, 11, 12]);
    }
    for (number, boot, offset) in [(1, "a", 0), (2, "c", 2000)] {
        segment(&tier, number, SECOND_NS, boot, &[(0, offset)], &[10, 11]);
    }
    let seconds: Vec<i64> = read(dir.path(), None).iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [10, 11, 12, 1010, 1011, 1012, 2010, 2011, 2012]);
}

#[test]
fn boots_that_only_a_tier_has_left_come_before_those_of_the_ring() {
    let dir = tempfile::tempdir().unwrap();
    let tier = dir.path().join("tier-1s");
    for (number, boot, offset) in [(7, "c", 2000), (8, "d", 3000)] {
        segment(dir.path(), number, 0, boot, &[(0, offset)], &[10, 11]);
    }
    for (number, boot, offset) in [(1, "a", 0), (2, "b", 1000), (3, "d", 3000)] {
        segment(&tier, number, SECOND_NS, boot, &[(0, offset)], &[10, 11]);
    }
    let seconds: Vec<i64> = read(dir.path(), None).iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [10, 11, 1010, 1011, 2010, 2011, 3010, 3011]);
}

#[test]
fn a_wall_clock_that_steps_both_ways_never_goes_backwards() {
    let dir = tempfile::tempdir().unwrap();
    let offsets = [(0, 0), (20, 500), (30, 400), (40, 405)];
    segment(dir.path(), 1, 0, "a", &offsets, &[10, 19, 20, 29, 30, 39, 40, 50]);
    segment(dir.path(), 2, 0, "b", &[(0, 400)], &[5, 6]);
    let (rows, problems) = rows_of(dir.path(), "load", 1);
    assert!(problems.is_empty());
    assert_eq!(rows.len(), 10);
    let read = read(dir.path(), None);
    assert!(read.is_sorted_by_key(|(second, _)| *second), "{read:?}");
    let steps: Vec<i64> = read.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(steps[0] == 9 && steps[2] == 9 && steps[4] == 9 && steps[6] == 10, "{read:?}");
    let values: Vec<u64> = read.iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [10, 19, 20, 29, 30, 39, 40, 50, 5, 6]);
}

#[test]
fn what_a_killed_recorder_left_out_of_a_tier_comes_from_the_ring() {
    let dir = tempfile::tempdir().unwrap();
    let tier = dir.path().join("tier-2s");
    // Two runs of one boot: the first was killed after the step of 10 had reached the tier.
    let clock = [(0, 0)];
    segment(dir.path(), 1, 0, "a", &clock, &(8..=17).collect::<Vec<u64>>());
    segment(dir.path(), 2, 0, "a", &clock, &(19..=26).collect::<Vec<u64>>());
    segment(&tier, 1, 2 * SECOND_NS, "a", &clock, &[9, 11]);
    segment(&tier, 2, 2 * SECOND_NS, "a", &clock, &[19, 21, 23, 25]);
    let step = (2 * SECOND_NS).cast_signed();
    let values: Vec<u64> = read(dir.path(), Some(Rollup { origin: 0, step }))
        .iter()
        .map(|(_, value)| *value)
        .collect();
    for second in [9, 11, 12, 13, 14, 15, 16, 17, 19, 21, 23, 25, 26] {
        assert!(values.contains(&second), "second {second} is missing: {values:?}");
    }
    assert!(values.is_sorted(), "{values:?}");
}
