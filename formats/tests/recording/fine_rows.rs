//! Rows of tables that are sampled more often than once a second have a ring of their own.

use super::child;
use super::noise::{LANES, noise, push_noise, word};
use super::support::{Row, copy_of, du, everything_of, push, rows_in, rows_of, segments_of};
use nodemon_formats::gap::GapCause;
use nodemon_formats::reader::{Recording, RingKind, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

const SECOND_NS: u64 = 1_000_000_000;
/// Rows of noise a second: 128 KiB of it.
const ROWS: u64 = 1000;

/// A table of one value a second, which is also its time.
fn slow() -> Schema {
    let doc = "once a second";
    let slow = Schema::sample("slow", "a test", doc).gauge("time", ColumnType::U64, unit::NS, doc);
    Schema { interval_ns: SECOND_NS, ..slow }
}

/// A ring with 4 MiB each for fine rows, for the others, and for a tier of one second.
fn options() -> WriterOptions {
    WriterOptions {
        fine_size_bytes: LEAST_RING_BYTES,
        ..WriterOptions::with_tiers(
            3 * LEAST_RING_BYTES,
            vec![TierOptions { step_ns: SECOND_NS, size_bytes: LEAST_RING_BYTES }],
        )
    }
}

/// A writer, and what it records: noise each millisecond, and one value a second.
struct World {
    writer: RecordingWriter,
    tables: [u32; 2],
    record: RecordBuilder,
}

impl World {
    fn open(dir: &Path, options: WriterOptions) -> World {
        let mut writer = RecordingWriter::open(dir, options).unwrap();
        let tables = [noise(), slow()].map(|schema| writer.add_table(schema));
        World { writer, tables, record: RecordBuilder::new(&noise()) }
    }

    fn push_fine(&mut self, second: u64) {
        let rows = second * ROWS..(second + 1) * ROWS;
        push_noise(&mut self.writer, &mut self.record, self.tables[0], rows);
    }

    fn push_slow(&mut self, second: u64) {
        let mut record = RecordBuilder::new(&slow());
        record.begin_sample((second + 1) * SECOND_NS);
        record.u64((second + 1) * SECOND_NS);
        record.end_sample();
        push(&mut self.writer, &mut record, self.tables[1]);
    }

    fn second(&mut self, second: u64) {
        self.push_fine(second);
        self.push_slow(second);
        self.writer.commit().unwrap();
    }
}

fn fine_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("subsecond")
}

/// The seconds of which there is noise; every row of it must be there and right.
fn seconds_of_noise(rows: &[Row]) -> std::ops::Range<u64> {
    let first = rows[0].0 / 1_000_000 - 1;
    let count = rows.len() as u64;
    assert!(first.is_multiple_of(ROWS) && count.is_multiple_of(LANES * ROWS), "half a second");
    for (number, (time_ns, _, values)) in rows.iter().enumerate() {
        let (row, lane) = (first + number as u64 / LANES, number as u64 % LANES);
        assert_eq!(*time_ns, 1_000_000 + row * 1_000_000, "a row is missing");
        assert_eq!(values[0], nodemon_formats::Value::U64(word(row, lane)));
    }
    first / ROWS..first / ROWS + rows.len() as u64 / LANES / ROWS
}

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
    // Each second that the fine rows have forgotten is there once.
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
fn between_fine_rows_that_were_forgotten_and_rows_of_before_a_tier_answers() {
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
    let forgotten = 40 - rows / ROWS;
    assert!(forgotten > 2, "nothing was forgotten: {rows} rows");
    assert!(steps >= forgotten - 1, "{steps} of {forgotten} seconds");
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

/// All rows of noise, which must be there once each.
fn assert_noise(dir: &Path, seconds: std::ops::Range<u64>, when: &str) {
    let (fine, problems) = rows_of(dir, "noise", 2);
    assert!(problems.is_empty(), "{when}: {problems:?}");
    assert_eq!(seconds_of_noise(&fine), seconds, "{when}");
    let table = Recording::open(dir).unwrap().table("noise").unwrap().unwrap();
    assert_eq!(table.rows, (seconds.end - seconds.start) * ROWS, "{when}: counted");
}

#[test]
fn where_fine_rows_cannot_be_moved_they_stay_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    // No directory can be made where a file is.
    fs::write(fine_dir(dir.path()), "someone's notes").unwrap();
    (0..20).for_each(|second| world.second(second));
    assert!(segments_of(dir.path()).len() > 2, "no segment was closed");
    assert_noise(dir.path(), 0..20, "while they cannot be moved");
    fs::remove_file(fine_dir(dir.path())).unwrap();
    (20..40).for_each(|second| world.second(second));
    assert!(!segments_of(&fine_dir(dir.path())).is_empty(), "none is moved, though it can be");
    assert_noise(dir.path(), 0..40, "after they could be moved again");
    let stats = world.writer.stats();
    assert_eq!((stats.samples_stored, stats.samples_lost), (40 * (ROWS + 1), 0));
    world.writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert!(recording.gaps(None, i64::MIN, i64::MAX).unwrap().is_empty());
}

#[test]
fn a_run_that_ended_between_the_two_moves_of_a_segment_leaves_each_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    fs::write(fine_dir(dir.path()), "someone's notes").unwrap();
    (0..10).for_each(|second| world.second(second));
    world.writer.close().unwrap();
    let whole = segments_of(dir.path()).pop().unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(fine_dir(dir.path())).unwrap();
    let mut world = World::open(dir.path(), options());
    world.second(10);
    // No destructor may run: a process that is killed runs none.
    let killed = copy_of(dir.path());
    std::mem::forget(world);
    let (dir, whole) = (&killed, killed.path().join(whole.file_name().unwrap()));
    let moved = || {
        let moved = segments_of(&fine_dir(dir.path()));
        moved.iter().filter(|path| path.file_name() == whole.file_name()).count()
    };
    assert_eq!(moved(), 1, "the next run moves what the one before could not");
    assert_noise(dir.path(), 0..11, "after both moves");
    // As a run leaves it that ends between the two: the rows are there twice.
    assert!(fs::read(&whole).unwrap() != bytes, "it was not replaced");
    fs::write(&whole, &bytes).unwrap();
    assert_noise(dir.path(), 0..11, "between the moves");
    // The next run begins anew with it.
    let mut world = World::open(dir.path(), options());
    world.second(11);
    world.writer.close().unwrap();
    assert_eq!(moved(), 1);
    assert!(fs::read(&whole).unwrap() != bytes, "it was not replaced again");
    assert_noise(dir.path(), 0..12, "after the run that followed");
}

#[test]
fn where_nearly_all_rows_are_fine_the_newest_are_moved_and_the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let ring_size_bytes = 26 * LEAST_RING_BYTES;
    let fine_size_bytes = 25 * LEAST_RING_BYTES;
    let mut options = WriterOptions::with_tiers(ring_size_bytes, vec![]);
    options.fine_size_bytes = fine_size_bytes;
    let mut world = World::open(dir.path(), options);
    let seconds = 1600;
    for second in 0..seconds {
        world.push_fine(second);
        world.push_slow(second);
        if second % 4 == 3 {
            world.writer.commit().unwrap();
            let taken = du(dir.path());
            assert!(taken <= ring_size_bytes, "second {second}: du says {taken}");
        }
    }
    assert_eq!(world.writer.stats().samples_lost, 0);
    let (fine, problems) = rows_of(dir.path(), "noise", 2);
    assert!(problems.is_empty(), "{problems:?}");
    let fine = seconds_of_noise(&fine);
    assert_eq!(fine.end, seconds);
    let expected = fine_size_bytes / (LANES * ROWS * 8) * 2 / 3;
    assert!(fine.end - fine.start > expected, "{fine:?}, at least {expected} s have room");
    let slow = rows_of(dir.path(), "slow", 1).0.len();
    assert!(slow as u64 > expected / 2, "{slow} rows of once a second are left");
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

const RECORDING: &str = "recording";

#[test]
fn child_records_into_both_rings_until_it_is_killed() {
    let Some(dir) = child::dir() else { return };
    let mut world = World::open(&dir.join(RECORDING), options());
    for second in 0.. {
        world.second(second);
        println!("committed {second}");
    }
}

#[test]
fn what_both_rings_had_committed_before_a_kill_is_there() {
    for round in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let name = "fine_rows::child_records_into_both_rings_until_it_is_killed";
        let mut child = child::command(name, dir.path(), "", "")
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut committed = None;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("committed ").and_then(|(_, number)| number.parse::<u64>().ok())
        });
        let least = 2 + word(round, 3) % 60;
        while committed.is_none_or(|committed| committed < least) {
            committed = Some(numbers.next().expect("the child goes on"));
        }
        let wait = std::time::Instant::now();
        while wait.elapsed() < std::time::Duration::from_micros(word(round, 4) % 9000) {}
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        let committed = numbers.last().or(committed).unwrap();
        let path = dir.path().join(RECORDING);
        assert!(du(&path) <= 3 * LEAST_RING_BYTES, "{} bytes", du(&path));
        let recording = Recording::open(&path).unwrap();
        assert!(recording.problems().is_empty(), "{:?}", recording.problems());
        let (fine, problems) = rows_in(&recording, "noise", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        let fine = seconds_of_noise(&fine);
        let (slow, problems) = rows_in(&recording, "slow", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        // The commit in which it was killed may be there, in one ring or in both.
        let ends = [fine.end, slow.len() as u64];
        let whole = committed + 1..=committed + 2;
        assert!(ends.iter().all(|end| whole.contains(end)), "round {round}: {committed}, {ends:?}");
    }
}
