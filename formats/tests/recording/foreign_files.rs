//! What may lie in the directory of a recording besides segments, and what may lie there in their
//! stead.

use super::child;
use super::damage::closed_recording;
use super::noise::{noise, push_noise};
use super::support::{du, open_writer, push, rows_of, segments_of};
use nodemon_formats::reader::{ReadError, Recording};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_skip::skip;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

#[test]
fn files_that_are_no_segments_are_told_and_the_segments_are_read() {
    let (dir, segments) = closed_recording();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let at = |name: &str| dir.path().join(name);
    let zeros = vec![0; 1 << 20];
    let text = b"#!/bin/sh\necho a file that is no redb\n".repeat(1000);
    let mut cut = fs::read(&segments[0]).unwrap();
    cut.truncate(5000);
    for (name, content) in [
        ("segment-0000000100.redb", &zeros[..]),
        ("segment-0000000101.redb", &[]),
        ("segment-0000000102.redb", &text),
        ("segment-0000000103.redb", &zeros[..4096]),
        ("segment-0000000104.redb", &cut),
        ("segment-0000000105.redb", b"redb"),
    ] {
        fs::write(at(name), content).unwrap();
    }
    fs::create_dir(at("segment-0000000106.redb")).unwrap();
    let pipe = at("segment-0000000107.redb");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("nowhere", at("segment-0000000108.redb")).unwrap();
    for name in ["notes.txt", "segment-1.redb", "segment-+000000009.redb", "segment-.redb"] {
        fs::write(at(name), "someone's notes").unwrap();
    }
    fs::write(at("segment-18446744073709551615.redb"), "someone's notes").unwrap();
    fs::create_dir_all(at("lost+found/tier-1s")).unwrap();
    fs::write(at("tier-7s"), "a file").unwrap();
    fs::create_dir_all(at("tier-9s/segment-0000000001.redb")).unwrap();

    let recording = Recording::open(dir.path()).unwrap();
    let told: Vec<String> = recording.problems().iter().map(ToString::to_string).collect();
    for number in 100..=107 {
        let name = format!("segment-0000000{number}.redb");
        assert_eq!(told.iter().filter(|told| told.contains(&name)).count(), 1, "{name}: {told:?}");
    }
    let (rows, _) = rows_of(dir.path(), "noise", 1);
    assert!(rows == whole, "{} of {} rows", rows.len(), whole.len());
    drop(recording);

    // A recorder writes on beside all that, and numbers on from the newest segment.
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    for second in 100..160 {
        push_noise(&mut writer, &mut record, table, second * 700..(second + 1) * 700);
        writer.commit().unwrap();
        assert!(du(dir.path()) <= LEAST_RING_BYTES, "{} bytes", du(dir.path()));
    }
    writer.close().unwrap();
    let (rows, _) = rows_of(dir.path(), "noise", 1);
    assert_eq!(rows[rows.len() - 1].0, 160 * 700 * 1_000_000);
}

#[test]
fn a_link_to_a_segment_is_read_and_what_it_points_to_is_never_deleted() {
    let (elsewhere, segments) = closed_recording();
    let dir = tempfile::tempdir().unwrap();
    symlink(&segments[0], dir.path().join("segment-0000000001.redb")).unwrap();
    let (rows, problems) = rows_of(dir.path(), "noise", 1);
    assert!(problems.is_empty() && !rows.is_empty(), "{problems:?}");
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    for second in 100..160 {
        push_noise(&mut writer, &mut record, table, second * 700..(second + 1) * 700);
        writer.commit().unwrap();
    }
    assert_eq!(segments_of(elsewhere.path()), segments, "a file outside the ring was deleted");
}

#[test]
fn the_bytes_of_a_tier_that_is_kept_no_more_count_and_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = WriterOptions::new(4 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 1_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    for second in 0..40 {
        push_noise(&mut writer, &mut record, table, second * 1000..(second + 1) * 1000);
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let tier = dir.path().join("tier-1s");
    // As large as a tier may become.
    let segment = segments_of(&tier).remove(0);
    for number in 100..110 {
        fs::copy(&segment, tier.join(format!("segment-0000000{number}.redb"))).unwrap();
    }
    let kept = du(&tier);
    assert!(kept > 500_000, "{kept} bytes");

    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    let table = writer.add_table(noise());
    for second in 100..160 {
        push_noise(&mut writer, &mut record, table, second * 700..(second + 1) * 700);
        writer.commit().unwrap();
        let taken = du(dir.path());
        assert!(taken <= LEAST_RING_BYTES, "du says {taken}, {} of it the old tier", du(&tier));
    }
    writer.close().unwrap();
    assert!(du(&tier) < kept / 2, "the old tier still has {} bytes", du(&tier));
}

#[test]
fn a_recording_without_permission_is_told_as_that() {
    if !child::may_become_nobody() {
        skip!("only root can become an ordinary user");
        return;
    }
    let (dir, segments) = closed_recording();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for segment in &segments[1..] {
        fs::set_permissions(segment, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let name = "foreign_files::child_unreadable";
    let output = child::command(name, dir.path(), "", child::AS_NOBODY).output().unwrap();
    child::assert_success(&output);
}

#[test]
fn child_unreadable() {
    let Some(dir) = child::dir() else { return };
    let recording = Recording::open(&dir).unwrap();
    let problems = recording.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let ReadError::Io { path, source } = &problems[0] else { panic!("{}", problems[0]) };
    assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(*path, segments_of(&dir)[0]);
    let (rows, _) = rows_of(&dir, "noise", 1);
    assert!(!rows.is_empty());
}

#[test]
fn a_recording_without_a_segment_or_a_directory_is_told_as_that() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Recording::open(dir.path()), Err(ReadError::Empty { .. })));
    let nowhere = dir.path().join("nowhere");
    assert!(matches!(Recording::open(&nowhere), Err(ReadError::NoRecording { .. })));
    fs::write(dir.path().join("segment-0000000001.redb"), "no segment").unwrap();
    assert!(matches!(Recording::open(dir.path()), Err(ReadError::Damaged { .. })));
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    record.begin_sample(5);
    record.instance(|key| key.u64(0));
    record.u64(1);
    record.end_sample();
    push(&mut writer, &mut record, table);
    writer.commit().unwrap();
    assert_eq!(rows_of(dir.path(), "noise", 1).0.len(), 1);
}
