//! What others do to the directory while it is written: it is noticed with the next commit, and what
//! went with it is a gap.

use super::noise::{noise, push_noise};
use super::support::{du, rows_of, segments_of};
use nodemon_formats::gap::GapCause;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const ROWS: u64 = 200;

/// Writes ten times, does `harm` after the fifth, and holds that every sample is stored or in a gap
/// whose detail has `why`.
fn outlive(why: &str, harm: impl FnOnce(&Path)) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("recording");
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 1_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(&dir, options).unwrap();
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let mut harm = Some(harm);
    for second in 0..10 {
        push_noise(&mut writer, &mut record, table, second * ROWS..(second + 1) * ROWS);
        writer.commit().unwrap();
        if second == 4
            && let Some(harm) = harm.take()
        {
            harm(&dir);
        }
    }
    let stats = writer.stats();
    writer.close().unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700, "{why}");
    let recording = Recording::open(&dir).unwrap();
    let gaps = recording.gaps(Some("noise"), i64::MIN, i64::MAX).unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| &gap.gap).collect();
    assert_eq!(gaps.len(), 1, "{why}: {gaps:?}");
    assert_eq!((gaps[0].cause, gaps[0].lost), (GapCause::Disk, 5 * ROWS), "{why}: {gaps:?}");
    assert_eq!((gaps[0].from_ns, gaps[0].to_ns), (1_000_000, 5 * ROWS * 1_000_000), "{why}");
    assert!(gaps[0].detail.contains(why), "{}", gaps[0].detail);
    let (rows, _) = rows_of(&dir, "noise", 1);
    assert_eq!(rows.first().unwrap().0, (5 * ROWS + 1) * 1_000_000, "{why}");
    assert_eq!(
        (stats.samples_in, stats.samples_stored, stats.samples_lost),
        (10 * ROWS, 5 * ROWS, 5 * ROWS),
        "{why}: stored and lost are not what was pushed"
    );
}

#[test]
fn a_segment_that_is_deleted_under_the_recorder_is_a_gap() {
    outlive("deleted", |dir| fs::remove_file(&segments_of(dir)[0]).unwrap());
}

#[test]
fn a_segment_that_is_moved_away_is_a_gap() {
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("taken");
    outlive("moved away", |dir| fs::rename(&segments_of(dir)[0], &to).unwrap());
}

#[test]
fn a_segment_that_is_replaced_is_a_gap_and_what_is_in_its_place_stays() {
    let content = "someone's notes";
    outlive("replaced", |dir| {
        let segment = segments_of(dir).remove(0);
        fs::write(dir.join("other"), content).unwrap();
        fs::rename(dir.join("other"), &segment).unwrap();
    });
}

#[test]
fn a_segment_that_is_cut_short_is_a_gap() {
    outlive("cut short", |dir| {
        OpenOptions::new().write(true).open(&segments_of(dir)[0]).unwrap().set_len(0).unwrap();
    });
}

#[test]
fn a_directory_that_is_deleted_is_made_anew_and_what_was_in_it_is_a_gap() {
    outlive("deleted", |dir| fs::remove_dir_all(dir).unwrap());
}

#[test]
fn a_directory_that_is_replaced_by_another_is_written_on_and_the_loss_is_a_gap() {
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("taken");
    outlive("moved away", |dir| {
        fs::rename(dir, &to).unwrap();
        fs::create_dir(dir).unwrap();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn files_of_others_that_come_and_grow_count_into_the_ring() {
    let dir = tempfile::tempdir().unwrap();
    let bound = 2 * LEAST_RING_BYTES;
    let mut writer = RecordingWriter::open(dir.path(), WriterOptions::new(bound)).unwrap();
    let schema = noise();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let foreign = dir.path().join("big");
    let mut most = 0;
    for second in 0..200 {
        push_noise(&mut writer, &mut record, table, second * 700..(second + 1) * 700);
        writer.commit().unwrap();
        match second {
            80 => fs::write(&foreign, vec![7; 2 << 20]).unwrap(),
            120 => fs::write(&foreign, vec![7; 5 << 20]).unwrap(),
            _ => {}
        }
        // What grew is seen after ten commits at the latest.
        if !(80..82).contains(&second) && !(120..132).contains(&second) {
            most = du(dir.path()).max(most);
            assert!(du(dir.path()) <= bound, "second {second}: {} of {bound}", du(dir.path()));
        }
    }
    assert!(most > 6 << 20, "the ring never filled: {most} bytes");
    assert_eq!(fs::metadata(&foreign).unwrap().len(), 5 << 20);
}
