//! A recording is read where it lies and as it lies: of a recorder that was killed, a copy, on a
//! read-only mount, one segment alone. Reading changes no byte.

use nodemon_formats::reader::SegmentState;
use nodemon_skip::skip;
use nodemon_tests::{
    Mount, ask_ok, copy, fingerprint, killed_recording, read_table, segments, why_no_mounts,
};
use std::path::Path;

/// Every question there is.
fn ask_everything(dir: &Path) {
    ask_ok(dir, &["info"]);
    ask_ok(dir, &["tables"]);
    ask_ok(dir, &["range", "-t", "cpu", "-f", "csv"]);
    ask_ok(dir, &["range", "-t", "memory", "--step", "1s", "-f", "jsonl"]);
    ask_ok(dir, &["replay", "--from", "start", "--speed", "0", "-f", "jsonl"]);
    ask_ok(dir, &["verify"]);
}

#[test]
fn the_directory_of_a_killed_recorder_is_read_without_a_byte_changing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let states: Vec<SegmentState> = segments(&dir).iter().map(|segment| segment.state).collect();
    assert!(states.contains(&SegmentState::Crashed), "the kill left no torn segment: {states:?}");

    let rows = read_table(&dir, "cpu").rows;
    let before = fingerprint(&dir);
    ask_everything(&dir);
    assert_eq!(fingerprint(&dir), before, "asking changed the recording");

    let laptop = scratch.path().join("laptop");
    copy(&dir, &laptop);
    let before = fingerprint(&laptop);
    ask_everything(&laptop);
    assert_eq!(fingerprint(&laptop), before, "asking changed the copy");
    assert_eq!(read_table(&laptop, "cpu").rows, rows, "the copy says something else");

    if let Some(why) = why_no_mounts() {
        skip!("on a read-only mount: {why}");
        return;
    }
    let mount = Mount::read_only_view(&dir, &scratch.path().join("read-only"));
    ask_everything(mount.point());
    assert_eq!(read_table(mount.point(), "cpu").rows, rows, "read-only it says something else");
    drop(mount);

    // One segment alone stands for itself.
    let alone = scratch.path().join("alone");
    std::fs::create_dir(&alone).unwrap();
    let segment = &segments(&dir)[1].path;
    copy(segment, &alone.join(segment.file_name().unwrap()));
    let part = read_table(&alone, "cpu").rows;
    assert!(!part.is_empty() && part.iter().all(|(row, values)| rows.get(row) == Some(values)));
}
