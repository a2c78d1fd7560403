//! The recorder keeps going: a full or read-only disk pauses writing and is recorded as a gap when
//! it clears.

use nodemon_formats::GapCause;
use nodemon_skip::skip;
use nodemon_tests::{Mount, Recorder, Setup, Ticks, ask_ok, span, wall_now_ns, why_no_mounts};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(40);
/// What is counted.
const TABLE: &str = "kernel";

#[test]
fn a_full_disk_pauses_writing_and_becomes_a_gap_when_it_clears() {
    if let Some(why) = why_no_mounts() {
        skip!("{why}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let mount = Mount::tmpfs(&scratch.path().join("disk"), 24 << 20);
    let dir = mount.point().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).ring(16 << 20).every("20ms"));
    wait_for_ticks(&mut recorder, "before the trouble", wall_now_ns());
    let ballast = mount.point().join("ballast");
    let full_from = fill(&ballast);
    stay_so(&mut recorder);
    ask_ok(&dir, &["range", "-t", "cpu", "-f", "csv"]);
    std::fs::remove_file(&ballast).unwrap();
    held_again(&mut recorder, full_from);
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");
    assert_gap_and_account(&dir, full_from);
}

#[test]
fn a_directory_that_refuses_writes_pauses_writing_and_becomes_a_gap_when_it_clears() {
    if let Some(why) = why_no_mounts() {
        skip!("{why}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let mount = Mount::ext4(&scratch.path().join("image"), &scratch.path().join("disk"), 64 << 20);
    let dir = mount.point().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).ring(16 << 20).every("20ms"));
    wait_for_ticks(&mut recorder, "before the trouble", wall_now_ns());
    let refused_from = wall_now_ns();
    immutable(&dir, "+i");
    stay_so(&mut recorder);
    ask_ok(&dir, &["range", "-t", "cpu", "-f", "csv"]);
    immutable(&dir, "-i");
    held_again(&mut recorder, refused_from);
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");
    assert_gap_and_account(&dir, refused_from);
}

/// Fills the file system to the last byte, and says when that was done.
fn fill(ballast: &Path) -> i64 {
    let mut file = File::create(ballast).unwrap();
    let bytes = vec![1; 64 << 10];
    while file.write_all(&bytes).is_ok() {}
    while file.write_all(&bytes[..512]).is_ok() {}
    wall_now_ns()
}

/// Takes from everybody, root too, the right to write to the directory and its files, or gives it
/// back. Unlike a read-only remount it is not refused while a file is open for writing, and like
/// one it fails writes through open files.
fn immutable(dir: &Path, flag: &str) {
    let status = Command::new("chattr").arg("-R").arg(flag).arg(dir).status().unwrap();
    assert!(status.success(), "chattr {flag} failed");
}

/// Lets the trouble last, which must not end the recorder, until it was met: a commit that was begun
/// before may take long where others write too.
fn stay_so(recorder: &mut Recorder) {
    std::thread::sleep(Duration::from_secs(4));
    recorder.wait_until_it_says("writing pauses until it works again", PATIENCE);
    assert!(recorder.is_running(), "the trouble ended the recorder:\n{}", recorder.log());
}

/// Waits until samples are recorded again that were taken in time after the trouble.
fn held_again(recorder: &mut Recorder, trouble_from: i64) {
    let cleared = wall_now_ns();
    assert!(cleared > trouble_from);
    wait_for_ticks(recorder, "after the disk has cleared", cleared);
}

/// Waits until a sample is recorded that was taken after `from` and in time, from which an account can
/// be drawn up. On a machine that is busy with others few are.
fn wait_for_ticks(recorder: &mut Recorder, when: &str, from: i64) {
    recorder.wait_until(&format!("a sample is taken in time {when}"), PATIENCE, |dir| {
        span(dir).is_some()
            && Ticks::find_in_table(dir, TABLE).is_some_and(|ticks| ticks.between.1 > from)
    });
}

/// The trouble is a gap of its own cause, where it was, and no sample is missing that is not counted.
fn assert_gap_and_account(dir: &Path, trouble_from: i64) {
    let ticks = Ticks::of_table(dir, TABLE);
    println!("{ticks}");
    ticks.assert_balanced(TABLE);
    let disk: Vec<_> = ticks.gaps.iter().filter(|gap| gap.gap.cause == GapCause::Disk).collect();
    assert!(!disk.is_empty(), "there is no gap that names the disk: {:?}", ticks.gaps);
    assert!(
        disk.iter().any(|gap| !gap.gap.detail.is_empty()),
        "no gap says what the disk answered: {disk:?}"
    );
    let second = 1_000_000_000;
    assert!(
        disk.iter()
            .any(|gap| gap.from < trouble_from + 2 * second && gap.to > trouble_from + second),
        "no gap lies where the trouble was, from {trouble_from}: {disk:?}"
    );
    ask_ok(dir, &["verify"]);
}
