//! Segments that are damaged: what is whole is read, what is not is told.

use super::noise::{noise, push_noise, word};
use super::support::{bits, rows_of, segments_of};
use nodemon_formats::reader::{Recording, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A recording of several segments, closed.
pub fn closed_recording() -> (tempfile::TempDir, Vec<PathBuf>) {
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
    let segments = segments_of(dir.path());
    (dir, segments)
}

#[test]
fn noise_in_the_middle_of_a_segment_costs_the_blocks_it_hit_and_is_told() {
    let (dir, segments) = closed_recording();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let path = &segments[1];
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    // From the beginning of a block on.
    let bytes = fs::read(path).unwrap();
    let third = bytes.len() / 3;
    let block = bytes[third..].windows(5).position(|head| head == b"NMCK\x03").unwrap();
    let middle = (third + block) as u64;
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
    let whole: std::collections::HashSet<String> = bits(&whole).into_iter().collect();
    for row in bits(&rows) {
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
