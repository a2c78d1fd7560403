//! The ring under pressure, a recorder that is killed, copied or started twice.

use super::damage::closed_recording;
use super::noise::{assert_rows, noise, push_noise};
use super::support::{du, open_writer};
use nodemon_formats::gap::{Gap, GapCause};
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::Schema;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::fs;

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

#[test]
fn a_commit_of_many_small_blocks_stays_within_the_ring() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    // Of a little more than half a page each, so that every one of them takes a page.
    let schemas: Vec<_> =
        (0..400).map(|table| Schema { name: format!("noise{table}"), ..noise() }).collect();
    let numbers: Vec<u32> = schemas.iter().map(|schema| writer.add_table(schema.clone())).collect();
    let mut record = RecordBuilder::new(&noise());
    for second in 0..25 {
        for &table in &numbers {
            push_noise(&mut writer, &mut record, table, second * 100..second * 100 + 17);
        }
        writer.commit().unwrap();
        let taken = du(dir.path());
        assert!(taken <= LEAST_RING_BYTES, "second {second}: du says {taken}");
    }
}

#[test]
fn gaps_that_wait_for_a_disk_are_merged_and_every_lost_sample_counted() {
    let place = tempfile::tempdir().unwrap();
    let (dir, away) = (place.path().join("recording"), place.path().join("away"));
    let mut writer = open_writer(&dir);
    // A directory that is gone would be recreated.
    fs::rename(&dir, &away).unwrap();
    fs::write(&dir, "a file in its place").unwrap();
    for number in 0..100_000 {
        writer.gap(Gap {
            table: ["cpu", "disk", "net"][number as usize % 3].into(),
            cause: GapCause::QueueFull,
            from_ns: 1000 + number,
            to_ns: 1000 + number + 5,
            lost: 2,
            detail: String::new(),
        });
        if number % 1000 == 0 {
            assert!(writer.commit().is_err());
        }
    }
    fs::remove_file(&dir).unwrap();
    fs::rename(&away, &dir).unwrap();
    writer.close().unwrap();
    let gaps = Recording::open(&dir).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    assert!(gaps.len() <= 1100, "{} gaps", gaps.len());
    assert_eq!(gaps.iter().map(|gap| gap.gap.lost).sum::<u64>(), 200_000);
    let first = gaps.iter().map(|gap| gap.gap.from_ns).min();
    let last = gaps.iter().map(|gap| gap.gap.to_ns).max();
    assert_eq!((first, last), (Some(1000), Some(1000 + 99_999 + 5)));
}
