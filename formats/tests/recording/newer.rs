//! What a newer nodemon wrote is told as that, whichever part of a segment it is in.

use super::support::{copy_of, everything_of, open_writer, push, segments_of};
use nodemon_formats::gap::{Gap, GapCause};
use nodemon_formats::reader::{ReadError, Recording, ScanItem, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// A recording with one block of a table, one journal entry of another, and a gap.
fn recording() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let mut schema = Schema::sample("fast", "a test", "in a block").gauge(
        "value",
        ColumnType::U64,
        unit::COUNT,
        "a value",
    );
    schema.interval_ns = 1_000_000;
    let slow = Schema { name: "slow".into(), interval_ns: 1_000_000_000, ..schema.clone() };
    for schema in [schema, slow] {
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        record.begin_sample(1000);
        record.u64(1);
        record.end_sample();
        push(&mut writer, &mut record, table);
    }
    writer.gap(Gap {
        table: "fast".into(),
        cause: GapCause::Late,
        from_ns: 10,
        to_ns: 20,
        lost: 1,
        detail: String::new(),
    });
    writer.commit().unwrap();
    let copy = copy_of(dir.path());
    // Repaired, so that redb does not look at the checksums of its pages, which will be wrong.
    drop(redb::Builder::new().open(&segments_of(copy.path())[0]).unwrap());
    copy
}

/// Changes every chunk of a kind and makes its checksum right again. Returns how many there were.
fn change_chunks(path: &Path, kind: u8, change: impl Fn(&mut [u8])) -> usize {
    let mut file = std::fs::read(path).unwrap();
    let mut count = 0;
    for at in 0..file.len().saturating_sub(24) {
        if &file[at..at + 4] != b"NMCK" || file[at + 4] != kind {
            continue;
        }
        let length = u32::from_le_bytes(file[at + 16..at + 20].try_into().unwrap()) as usize;
        let Some(chunk) = file.get_mut(at..at + 24 + length) else { continue };
        change(chunk);
        let mut hash = Xxh3::new();
        hash.update(&chunk[..20]);
        hash.update(&chunk[24..]);
        let checksum = (hash.digest() as u32).to_le_bytes();
        chunk[20..24].copy_from_slice(&checksum);
        count += 1;
    }
    std::fs::write(path, file).unwrap();
    count
}

/// Every error that asking everything of a recording gives.
fn errors(dir: &Path) -> Vec<ReadError> {
    let recording = match Recording::open(dir) {
        Ok(recording) => recording,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    for table in ["fast", "slow"] {
        match recording.scan(everything_of(table, 1)) {
            Ok(scan) => errors.extend(scan.filter_map(|item| match item {
                Ok(ScanItem::Problem(problem)) => Some(problem),
                item => item.err(),
            })),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(recording.gaps(None, i64::MIN, i64::MAX).err());
    errors.extend(recording.damaged_gaps().unwrap());
    for verdict in recording.verify() {
        match verdict {
            Verdict::Segment(segment) => errors.extend(segment.problems),
            Verdict::Unreadable(error) => errors.push(error),
        }
    }
    errors
}

fn assert_newer(dir: &Path, what: &str, version: u32) {
    let errors = errors(dir);
    assert!(!errors.is_empty(), "a newer {what} went unnoticed");
    for error in &errors {
        assert!(
            matches!(error, ReadError::Newer { version: told, .. } if *told == version),
            "a newer {what}: {error}"
        );
    }
}

#[test]
fn a_newer_format_version_of_any_chunk_is_told_as_newer() {
    for (kind, what) in
        [(1, "description"), (2, "schema"), (3, "block"), (4, "journal"), (5, "gap")]
    {
        let dir = recording();
        let changed = change_chunks(&segments_of(dir.path())[0], kind, |chunk| chunk[5] = 77);
        assert!(changed > 0, "the segment has no {what}");
        assert_newer(dir.path(), what, 77);
    }
}

#[test]
fn a_newer_block_version_is_told_as_newer() {
    let dir = recording();
    let newer = |chunk: &mut [u8]| chunk[24..28].copy_from_slice(&9u32.to_le_bytes());
    assert!(change_chunks(&segments_of(dir.path())[0], 3, newer) > 0);
    assert_newer(dir.path(), "block", 9);
}

#[test]
fn chunks_of_zeros_under_right_checksums_are_damage() {
    // A description of zeros is one: number 0, and nothing known.
    for kind in 2..=5 {
        let dir = recording();
        change_chunks(&segments_of(dir.path())[0], kind, |chunk| chunk[24..].fill(0));
        let errors = errors(dir.path());
        assert!(!errors.is_empty(), "kind {kind}: damage went unnoticed");
        for error in errors {
            assert!(
                matches!(error, ReadError::Damaged { .. } | ReadError::UnknownTable(_)),
                "kind {kind}: {error}"
            );
        }
    }
}
