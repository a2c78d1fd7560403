//! What each of the rings takes, and how long what is in it lasts.

use super::{ROWS, SECOND_NS, World, fine_dir, options, seconds_of_noise};
use crate::noise::{noise, push_noise, word};
use crate::support::{du, everything_of, push, rows_in, rows_of, segments_of};
use nodemon_formats::gap::GapCause;
use nodemon_formats::reader::{Recording, RingKind, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::Schema;
use nodemon_formats::writer::{LEAST_RING_BYTES, WriterOptions};
use std::fs;

#[test]
fn what_is_recorded_once_a_second_outlives_the_fine_rows_and_a_tier_has_these() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    let seconds = 200;
    for second in 0..seconds {
        world.second(second);
        let taken = du(dir.path());
        assert!(taken <= 3 * LEAST_RING_BYTES, "second {second}: du says {taken}");
    }
    world.writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    let (slow, problems) = rows_in(&recording, "slow", 1);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(slow.len() as u64, seconds, "one value a second was pushed out");
    let (fine, problems) = rows_in(&recording, "noise", 1);
    assert!(problems.is_empty(), "{problems:?}");
    let fine = seconds_of_noise(&fine);
    assert!(fine.start > seconds / 2 && fine.end == seconds, "fine rows of {fine:?}");
    // Each second that the fine rows no longer have is there once.
    let scan = recording.scan(everything_of("noise", 1)).unwrap();
    let steps = scan.filter(|item| matches!(item, Ok(ScanItem::Summary(_)))).count() as u64;
    assert!(steps.abs_diff(fine.start) <= 1, "{steps} seconds before {}", fine.start);
}

#[test]
fn without_a_fine_row_there_is_no_ring_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    for second in 0..20 {
        world.push_slow(second);
        world.writer.commit().unwrap();
    }
    world.writer.close().unwrap();
    assert!(!fine_dir(dir.path()).exists());
}

#[test]
fn what_a_ring_does_not_need_the_others_have_until_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    let mut most = 0;
    for second in 0..150 {
        world.push_fine(second);
        world.writer.commit().unwrap();
        most = du(&fine_dir(dir.path())).max(most);
        assert!(du(dir.path()) <= 3 * LEAST_RING_BYTES, "second {second}");
    }
    assert!(most > 2 * LEAST_RING_BYTES, "{most} bytes, though nothing else needs the room");
    // Now rows come that are not fine: 256 KiB of noise a second.
    let schema = Schema { name: "large".into(), interval_ns: SECOND_NS, ..noise() };
    let large = world.writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for second in 150..300 {
        world.push_fine(second);
        for lane in 0..32 * ROWS {
            if lane == 0 {
                record.begin_sample((second + 1) * SECOND_NS);
            }
            record.instance(|key| key.u64(lane));
            record.u64(word(second, lane));
        }
        record.end_sample();
        push(&mut world.writer, &mut record, large);
        world.writer.commit().unwrap();
        assert!(du(dir.path()) <= 3 * LEAST_RING_BYTES, "second {second}");
    }
    let fine = du(&fine_dir(dir.path()));
    assert!(fine < 2 * LEAST_RING_BYTES, "{fine} bytes, though others have come to need the room");
    let tier = du(&dir.path().join("tier-1s"));
    let rows = du(dir.path()) - fine - tier;
    assert!(rows > LEAST_RING_BYTES, "{rows} bytes are less than the share of the others");
}

#[test]
fn a_recording_of_one_ring_goes_on_with_two_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let one_ring = || WriterOptions { fine_size_bytes: 0, ..options() };
    for (run, options) in [one_ring(), options(), one_ring()].into_iter().enumerate() {
        let mut world = World::open(dir.path(), options);
        for second in run as u64 * 10..run as u64 * 10 + 10 {
            world.second(second);
        }
        world.writer.close().unwrap();
    }
    assert!(!segments_of(&fine_dir(dir.path())).is_empty());
    let (fine, problems) = rows_of(dir.path(), "noise", 2);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(seconds_of_noise(&fine), 0..30);
    assert_eq!(rows_of(dir.path(), "slow", 1).0.len(), 30);
    // What is written no more goes first.
    let mut world = World::open(dir.path(), WriterOptions { tiers: vec![], ..one_ring() });
    for second in 30..130 {
        world.second(second);
    }
    world.writer.close().unwrap();
    assert_eq!(segments_of(&fine_dir(dir.path())).len(), 0);
}

#[test]
fn between_fine_rows_that_were_evicted_and_rows_of_before_a_tier_answers() {
    let dir = tempfile::tempdir().unwrap();
    let one_ring = WriterOptions { fine_size_bytes: 0, ..options() };
    let mut world = World::open(dir.path(), one_ring);
    (0..10).for_each(|second| world.second(second));
    world.writer.close().unwrap();
    let mut world = World::open(dir.path(), options());
    (10..40).for_each(|second| world.second(second));
    let fine = segments_of(&fine_dir(dir.path()));
    assert!(fine.len() > 3, "{fine:?}");
    fs::remove_file(&fine[0]).unwrap();
    fs::remove_file(&fine[1]).unwrap();
    world.writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    let (mut seen, mut rows, mut steps) = (0, 0, 0);
    for item in recording.scan(everything_of("noise", 1)).unwrap() {
        let time = match item.unwrap() {
            ScanItem::Chunk(chunk) => {
                rows += chunk.rows() as u64;
                chunk.times[chunk.rows() - 1]
            }
            ScanItem::Summary(summary) => {
                steps += 1;
                summary.times.1
            }
            ScanItem::Problem(problem) => panic!("{problem}"),
        };
        assert!(time >= seen, "time goes backwards");
        seen = time;
    }
    let evicted = 40 - rows / ROWS;
    assert!(evicted > 2, "nothing was evicted: {rows} rows");
    assert!(steps >= evicted - 1, "{steps} of {evicted} seconds");
}

#[test]
fn a_ring_that_becomes_too_small_for_two_goes_on_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    (0..10).for_each(|second| world.second(second));
    let small = WriterOptions { tiers: vec![], ..options() }.resized(LEAST_RING_BYTES);
    world.writer.set_sizes(&small).unwrap();
    for second in 10..50 {
        world.second(second);
        assert!(du(dir.path()) <= LEAST_RING_BYTES, "second {second}");
    }
    let stats = world.writer.stats();
    assert_eq!(stats.samples_stored, 50 * (ROWS + 1));
    world.writer.close().unwrap();
    assert_eq!(segments_of(&fine_dir(dir.path())).len(), 0, "what is written no more goes first");
    assert_eq!(seconds_of_noise(&rows_of(dir.path(), "noise", 1).0).end, 50);
}

#[test]
fn a_run_that_had_fine_rows_alone_is_known_to_one_that_keeps_none_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    for second in 0..10 {
        world.push_fine(second);
        world.writer.commit().unwrap();
    }
    // What is left is one segment of fine rows, all of whose others are moved.
    for _ in 0..4 {
        world.writer.seal().unwrap();
    }
    world.writer.close().unwrap();
    let one_ring =
        WriterOptions { ring_size_bytes: 2 * LEAST_RING_BYTES, fine_size_bytes: 0, ..options() };
    let mut world = World::open(dir.path(), one_ring);
    world.push_slow(13);
    world.writer.commit().unwrap();
    let gaps = Recording::open(dir.path()).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    let causes: Vec<_> = gaps.iter().map(|gap| gap.gap.cause).collect();
    assert_eq!(causes, [GapCause::NotRunning], "what was between the runs: {gaps:?}");
}

#[test]
fn a_table_that_became_slower_is_judged_by_how_it_was_sampled_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    (0..3).for_each(|second| world.second(second));
    // The fine rows are moved into their ring.
    for _ in 0..4 {
        world.writer.seal().unwrap();
    }
    assert_eq!(segments_of(&fine_dir(dir.path())).len(), 1);
    world.tables[0] = world.writer.add_table(Schema { interval_ns: SECOND_NS, ..noise() });
    let World { writer, record, tables } = &mut world;
    push_noise(writer, record, tables[0], 4000..4001);
    world.push_slow(4);
    world.writer.close().unwrap();
    // It was not due again when the run ended, a second later.
    let mut world = World::open(dir.path(), options());
    world.writer.commit().unwrap();
    let gaps = Recording::open(dir.path()).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    let told: Vec<_> = gaps.iter().map(|gap| (&*gap.gap.table, gap.gap.cause)).collect();
    assert_eq!(told, [("", GapCause::NotRunning)], "{gaps:?}");
}

#[test]
fn a_recording_says_what_each_ring_takes_and_may_take() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    (0..150).for_each(|second| world.second(second));
    let recording = Recording::open(dir.path()).unwrap();
    let rings = recording.rings().unwrap();
    let kinds: Vec<RingKind> = rings.iter().map(|ring| ring.kind).collect();
    let rows = |interval_ns| RingKind::Rows { interval_ns };
    assert_eq!(kinds, [rows(1_000_000), rows(SECOND_NS), RingKind::Tier { step_ns: SECOND_NS }]);
    for ring in &rings {
        let limits = ring.limits.unwrap();
        assert_eq!(limits.share_bytes, LEAST_RING_BYTES, "{:?}", ring.kind);
        assert_eq!(limits.bound_bytes, 3 * LEAST_RING_BYTES, "{:?}", ring.kind);
        assert!(ring.is_in_use, "{:?}", ring.kind);
    }
    // 128 KiB of noise a second.
    let rate = rings[0].bytes_per_second.unwrap();
    assert!((128_000.0..200_000.0).contains(&rate), "{rate} bytes a second");
    let lasts = rings[0].lasting_seconds(&rings).unwrap();
    let expected = LEAST_RING_BYTES as f64 / rate;
    assert!((lasts - expected).abs() < 0.01, "{lasts} s, {expected} s are expected");
    assert!(rings[1].lasting_seconds(&rings).unwrap() > 10.0 * lasts);
}
