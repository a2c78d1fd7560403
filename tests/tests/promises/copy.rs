//! A recording is read where it lies and as it lies: a copy, on a read-only mount, of a recorder
//! that was killed, damaged in the middle. Reading changes no byte.

use nodemon_formats::reader::SegmentState;
use nodemon_tests::{
    Mount, Recorder, Setup, ask, ask_ok, fingerprint, read_table, seeded, segments, why_no_mounts,
};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Every question there is.
fn ask_everything(dir: &Path) {
    ask_ok(dir, &["info"]);
    ask_ok(dir, &["tables"]);
    ask_ok(dir, &["range", "-t", "cpu", "-f", "csv"]);
    ask_ok(dir, &["range", "-t", "memory", "--step", "1s", "-f", "jsonl"]);
    ask_ok(dir, &["replay", "--from", "start", "--speed", "0", "-f", "jsonl"]);
    ask_ok(dir, &["verify"]);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// A recording of some seconds whose recorder was killed, and where its ring has turned.
fn killed_recording(scratch: &Path) -> PathBuf {
    let dir = scratch.join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).ring(4 << 20).every("1ms"));
    recorder.wait_until("there are some segments", Duration::from_secs(60), |dir| {
        segments(dir).len() >= 6
    });
    recorder.kill();
    dir
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
        println!("skipped on a read-only mount: {why}");
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

#[test]
fn noise_inside_a_segment_costs_its_damaged_blocks_and_the_query_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = killed_recording(scratch.path());
    let whole = read_table(&dir, "cpu");
    let mut random = seeded("damage");
    for round in 1..=10 {
        let damaged = scratch.path().join(format!("damaged-{round}"));
        copy(&dir, &damaged);
        let segment = segments(&damaged)
            .into_iter()
            .find(|segment| segment.state == SegmentState::Sealed && segment.blocks > 20)
            .unwrap();
        let mut noise = vec![0; 16 << 10];
        random.fill(&mut noise);
        let size = segment.path.metadata().unwrap().len();
        // Past the head of the file, so that it is blocks that are hit.
        let at = random.u64(size / 4..size / 4 * 3);
        File::options().write(true).open(&segment.path).unwrap().write_all_at(&noise, at).unwrap();

        let name = segment.path.file_name().unwrap().to_str().unwrap();
        let verified = ask(&damaged, &["verify"]);
        assert_eq!(
            verified.code,
            Some(4),
            "round {round}, at {at}: {}{}",
            verified.out,
            verified.err
        );
        let said = format!("{}{}", verified.out, verified.err);
        assert!(said.contains(name), "round {round}: verify does not name {name}:\n{said}");

        let left = read_table(&damaged, "cpu");
        for (row, values) in &left.rows {
            assert_eq!(
                whole.rows.get(row),
                Some(values),
                "round {round}: a wrong value at {row:?}"
            );
        }
        let segment_rows = whole.rows.len() - rows_outside(&whole, segment.span.unwrap());
        let missing = whole.rows.len() - left.rows.len();
        println!("round {round}: {missing} of {segment_rows} rows of the segment are gone");
        assert!(
            missing < segment_rows.max(2),
            "round {round}: 16 KiB of noise at {at} of {size} cost the whole segment {name}"
        );
    }
}

/// Rows of a table that lie outside of a span.
fn rows_outside(table: &nodemon_tests::Table, span: (i64, i64)) -> usize {
    table.rows.keys().filter(|(time, _)| *time < span.0 || *time > span.1).count()
}
