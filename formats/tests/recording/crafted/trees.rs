//! Headers, trees, gaps and descriptions that are damaged.

use super::blocks::{bomb, read_bombs, wide};
use super::{Crafted, MIB, in_a_child, status_bytes};
use crate::child;
use crate::noise::{noise, push_noise};
use crate::support::{bits, every_type, open_writer, rows_of, segments_of};
use nodemon_formats::block::{Block, Compressor};
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::segment::ChunkKind;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// One whose rows are noise and whose description and schemas are gone, wherever they stand as
/// chunks.
fn without_schemas(path: &Path) -> usize {
    let mut bytes = fs::read(path).unwrap();
    let mut lost = 0;
    for at in 0..bytes.len() - 24 {
        if &bytes[at..at + 4] == b"NMCK" && matches!(bytes[at + 4], 1 | 2) {
            bytes[at..at + 60].fill(0);
            lost += 1;
        }
    }
    fs::write(path, bytes).unwrap();
    lost
}

#[test]
fn without_the_pages_with_description_and_schemas_every_row_is_read_from_their_copies() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(noise());
    writer.add_table(every_type(1_000_000_000));
    let mut record = RecordBuilder::new(&noise());
    for second in 0..10 {
        push_noise(&mut writer, &mut record, table, second * 100..(second + 1) * 100);
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let (whole, told) = rows_of(dir.path(), "noise", 1);
    assert!(told.is_empty() && !whole.is_empty());
    let path = &segments_of(dir.path())[0];
    assert!(without_schemas(path) >= 2);
    let (rows, told) = rows_of(dir.path(), "noise", 1);
    assert_eq!(bits(&rows).len(), bits(&whole).len(), "{told:?}");
    assert!(bits(&rows) == bits(&whole));
    assert_eq!(told.len(), 1, "{told:?}");
    // And where the trees are gone as well.
    let mut bytes = fs::read(path).unwrap();
    bytes[..4096].fill(0);
    fs::write(path, bytes).unwrap();
    let (rows, told) = rows_of(dir.path(), "noise", 1);
    assert!(bits(&rows) == bits(&whole), "{} of {}", rows.len(), whole.len());
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn gaps_that_are_damaged_are_told_and_everything_else_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut crafted = Crafted::new(dir.path());
    crafted.batch.put_schema(0, &wide("bomb", 1)).unwrap();
    let block = bomb(10, 1, 2_000_000_000);
    assert!(Block::table_of(&block).is_ok());
    crafted.put_ten_rows(&block);
    // As many zeros as a frame may hold are no gaps.
    let mut frame = Vec::new();
    Compressor::default().frame(&[&vec![0; 60 << 20]], &mut frame).unwrap();
    crafted.batch.put(ChunkKind::Gaps, 0, &frame);
    crafted.batch.put(ChunkKind::Gaps, 1, b"no frame");
    crafted.end();
    let recording = Recording::open(dir.path()).unwrap();
    assert_eq!(recording.gaps(None, i64::MIN, i64::MAX).unwrap().len(), 0);
    let told = recording.damaged_gaps().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(read_bombs(dir.path(), 1), (10, Vec::new()));
}

#[test]
fn a_recorder_starts_in_time_and_little_memory_over_a_ring_whose_trees_are_all_damaged() {
    in_a_child(module_path!(), "child_starts");
}

#[test]
fn child_starts() {
    let Some(dir) = child::dir() else { return };
    let mut writer =
        RecordingWriter::open(&dir, WriterOptions::new(64 * LEAST_RING_BYTES)).unwrap();
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    for second in 0..120 {
        push_noise(&mut writer, &mut record, table, second * 6000..(second + 1) * 6000);
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let segments = segments_of(&dir);
    for segment in &segments {
        let mut bytes = fs::read(segment).unwrap();
        bytes[..4096].fill(0xff);
        fs::write(segment, bytes).unwrap();
    }
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, start) = (status_bytes("VmRSS:"), Instant::now());
    drop(RecordingWriter::open(&dir, WriterOptions::new(64 * LEAST_RING_BYTES)).unwrap());
    let (took, grown) = (start.elapsed(), status_bytes("VmHWM:").saturating_sub(before));
    println!("{} segments: {took:?}, {} KiB", segments.len(), grown >> 10);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_header_whose_newest_commit_is_damaged_gives_the_one_before_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    for second in 0..5 {
        push_noise(&mut writer, &mut record, table, second * 100..(second + 1) * 100);
        writer.commit().unwrap();
    }
    let copy = crate::support::copy_of(dir.path());
    drop(writer);
    let (whole, told) = rows_of(copy.path(), "noise", 1);
    assert_eq!((whole.len() as u64, told.len()), (500 * crate::noise::LANES, 0));
    let path = &segments_of(copy.path())[0];
    let mut bytes = fs::read(path).unwrap();
    let named = 64 + 128 * usize::from(bytes[9] & 1);
    bytes[named + 20] ^= 1;
    fs::write(path, bytes).unwrap();
    let (rows, told) = rows_of(copy.path(), "noise", 1);
    assert_eq!(rows.len() as u64, 400 * crate::noise::LANES);
    assert!(told.len() == 1 && told[0].contains("the commit before the last"), "{told:?}");
}

#[test]
fn a_header_whose_roots_ask_for_gigabytes_gets_none() {
    in_a_child(module_path!(), "child_roots");
}

#[test]
fn child_roots() {
    let Some(dir) = child::dir() else { return };
    let mut writer = open_writer(&dir);
    let table = writer.add_table(noise());
    push_noise(&mut writer, &mut RecordBuilder::new(&noise()), table, 0..100);
    writer.close().unwrap();
    let (whole, _) = rows_of(&dir, "noise", 1);
    let path = segments_of(&dir).remove(0);
    let image = fs::read(&path).unwrap();
    // Of the tables of those who ask, and of redb's own; under a checksum that is right.
    for root in [8, 40] {
        let mut bytes = image.clone();
        for slot in [64, 192] {
            bytes[slot + root + 7] |= 20 << 3;
            let sum = xxhash_rust::xxh3::xxh3_128(&bytes[slot..slot + 112]);
            bytes[slot + 112..slot + 128].copy_from_slice(&sum.to_le_bytes());
        }
        fs::write(&path, bytes).unwrap();
        let (rows, _) = rows_of(&dir, "noise", 1);
        assert!(bits(&rows) == bits(&whole), "root {root}: {} rows", rows.len());
    }
    let peak = status_bytes("VmHWM:");
    assert!(peak < 64 * MIB, "{} MiB", peak / MIB);
}
