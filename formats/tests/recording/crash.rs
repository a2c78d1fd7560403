//! The ring under pressure, and segments that are torn, damaged or gone.

use super::support::{open_writer, push, rows_of};
use nodemon_formats::reader::{Recording, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::ring::disk_bytes;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A table whose rows are noise, so that they take their size on disk.
fn noise() -> Schema {
    let mut schema = Schema::sample("noise", "a test", "incompressible")
        .key("lane", ColumnType::U64, "which generator")
        .gauge("word", ColumnType::U64, unit::COUNT, "random");
    schema.interval_ns = 1_000_000;
    schema
}

/// What lane `lane` holds at `row`: SplitMix64.
fn word(row: u64, lane: u64) -> u64 {
    let mut z = (row << 8 | lane).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const LANES: u64 = 16;

fn push_noise(
    writer: &mut RecordingWriter,
    record: &mut RecordBuilder,
    table: u32,
    rows: std::ops::Range<u64>,
) {
    for row in rows {
        record.begin_sample(1_000_000 + row * 1_000_000);
        for lane in 0..LANES {
            record.instance(|key| key.u64(lane));
            record.u64(word(row, lane));
        }
        record.end_sample();
    }
    push(writer, record, table);
}

fn du(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap();
    let files: u64 = entries.filter_map(|entry| disk_bytes(&entry.unwrap().path()).ok()).sum();
    files + disk_bytes(dir).unwrap()
}

fn assert_rows(dir: &Path, least: usize) -> (u64, u64) {
    let (rows, problems) = rows_of(dir, "noise", 2);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(rows.len() >= least, "{} rows, at least {least} should be there", rows.len());
    let mut expected_row = rows[0].0 / 1_000_000 - 1;
    for rows in rows.chunks(LANES as usize) {
        for (lane, (time, keys, values)) in rows.iter().enumerate() {
            assert_eq!(*time, 1_000_000 + expected_row * 1_000_000, "a row is missing");
            assert_eq!(keys[0], Value::U64(lane as u64));
            assert_eq!(values[0], Value::U64(word(expected_row, lane as u64)));
        }
        expected_row += 1;
    }
    (rows[0].0, rows[rows.len() - 1].0)
}

#[test]
fn a_ring_that_turned_many_times_never_took_more_than_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let mut written = 0;
    let mut highest = 0;
    let mut row = 0;
    while written < 20 * LEAST_RING_BYTES {
        push_noise(&mut writer, &mut record, table, row..row + 700);
        row += 700;
        written += writer.commit().unwrap().bytes;
        highest = highest.max(du(dir.path()));
        assert!(
            highest <= LEAST_RING_BYTES,
            "du says {highest} of {LEAST_RING_BYTES} after {written} bytes written"
        );
    }
    assert!(highest > LEAST_RING_BYTES * 3 / 4, "the ring is hardly used: {highest} bytes");
    let (_, last) = assert_rows(dir.path(), (LEAST_RING_BYTES / 2 / 8) as usize);
    assert_eq!(last, row * 1_000_000, "the newest row is not there");
    assert!(writer.stats().evicted > 100);
}

/// A recording of several segments, closed.
fn closed_recording() -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for second in 0..10 {
        push_noise(&mut writer, &mut record, table, second * 700..(second + 1) * 700);
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let mut segments: Vec<PathBuf> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "redb"))
        .collect();
    segments.sort();
    (dir, segments)
}

#[test]
fn noise_in_the_middle_of_a_segment_costs_the_blocks_it_hit_and_is_told() {
    let (dir, segments) = closed_recording();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let path = &segments[1];
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let middle = fs::metadata(path).unwrap().len() / 3;
    let garbage: Vec<u8> = (0..2048u64).flat_map(|at| word(at, 99).to_le_bytes()).collect();
    file.write_all_at(&garbage, middle).unwrap();
    let (rows, problems) = rows_of(dir.path(), "noise", 2);
    assert!(!problems.is_empty(), "damage went unnoticed");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(problems.iter().all(|problem| problem.contains(name)), "{problems:?} without {name}");
    assert!(rows.len() < whole.len(), "rows of a damaged block were read");
    assert!(
        rows.len() * 10 > whole.len() * 7,
        "{} of {} rows are left: more than the damaged blocks was lost",
        rows.len(),
        whole.len()
    );
    let whole: std::collections::HashSet<String> =
        super::support::bits(&whole).into_iter().collect();
    for row in super::support::bits(&rows) {
        assert!(whole.contains(&row), "a row came back that was never written: {row}");
    }
    let recording = Recording::open(dir.path()).unwrap();
    let damaged = recording.verify().any(|verdict| match verdict {
        Verdict::Segment(segment) => !segment.problems.is_empty(),
        Verdict::Unreadable(_) => true,
    });
    assert!(damaged, "verify found nothing");
}

#[test]
fn a_segment_that_was_cut_off_gives_what_is_left_of_it() {
    let (dir, segments) = closed_recording();
    let last = segments.last().unwrap();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let length = fs::metadata(last).unwrap().len();
    for part in [7, 5, 3, 2] {
        fs::OpenOptions::new().write(true).open(last).unwrap().set_len(length * part / 8).unwrap();
        let (rows, _) = rows_of(dir.path(), "noise", 1);
        assert!(!rows.is_empty() && rows.len() <= whole.len(), "{part}/8 of the file left");
        for (row, expected) in rows.iter().zip(&whole) {
            assert_eq!(row.2, expected.2, "{part}/8 of the file left");
        }
    }
}

#[test]
fn a_copy_taken_while_the_recorder_writes_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for second in 0..20 {
        push_noise(&mut writer, &mut record, table, second * 300..(second + 1) * 300);
        writer.commit().unwrap();
        if second % 5 == 4 {
            let copy = tempfile::tempdir().unwrap();
            for entry in fs::read_dir(dir.path()).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
            }
            let (_, last) = assert_rows(copy.path(), 1);
            assert_eq!(last, (second + 1) * 300 * 1_000_000, "the copy lacks committed rows");
        }
    }
}

#[test]
fn a_second_recorder_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _writer = open_writer(dir.path());
    let refused = RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES));
    let message = refused.err().expect("two recorders in one directory").to_string();
    assert!(message.contains(&std::process::id().to_string()), "{message}");
}

#[test]
fn a_restart_leaves_a_gap_from_the_last_row_to_the_start() {
    let (dir, _) = closed_recording();
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    let gaps = recording.gaps(Some("noise"), i64::MIN, i64::MAX).unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].gap.from_ns, 7000 * 1_000_000, "the gap begins at the last row");
    assert!(gaps[0].to > gaps[0].from);
}
