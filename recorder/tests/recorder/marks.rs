//! What somebody marks is a row at its time, whether it is recorded at that moment or not.

use super::support::*;
use rustix::process::Signal;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const SOURCES: [&str; 2] = ["--only", "mark,loadavg"];

fn mark(dir: &Path, words: &[&str]) -> i64 {
    let all = [&["mark", "--dir", dir.to_str().unwrap()], words].concat();
    let output = output(&all);
    assert!(output.status.success(), "{}", said(&output));
    wall_ns()
}

fn waiting_files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("marks")).map_or(0, Iterator::count)
}

#[test]
fn a_mark_is_a_row_at_its_time_and_one_that_nobody_recorded_comes_with_the_next_run() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut running = Running::start(&dir, &SOURCES);
    let marked = mark(&dir, &["deploy", "version", "1.2"]);
    running.wait_until("the mark has its row", || !times(&dir, "mark").is_empty());
    let time = times(&dir, "mark")[0];
    assert!((marked - 500_000_000..=marked).contains(&time), "{time}, marked before {marked}");
    running.wait_until("its file is gone", || waiting_files(&dir) == 0);
    assert!(running.end(Signal::TERM).0.success());

    mark(&dir, &["note"]);
    assert_eq!(waiting_files(&dir), 1, "nobody records");
    let mut running = Running::start(&dir, &SOURCES);
    running.wait_until("it has its row now", || times(&dir, "mark").len() == 2);
    // Killed before it removes the file: the row may come twice, and nothing is lost.
    assert!(!running.end(Signal::KILL).0.success());
    assert_eq!(string_cells(&dir, "mark", "name"), ["deploy", "note"]);
    assert_eq!(string_cells(&dir, "mark", "text"), ["version 1.2", ""]);
}

#[test]
fn a_mark_that_cannot_be_kept_is_refused_with_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    let nowhere = scratch.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let refused = output(&["mark", "--dir", nowhere, "deploy"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("there is no recording in"), "{}", said(&refused));
    assert!(!Path::new(nowhere).exists(), "nothing was made");
    let open = scratch.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let refused = output(&["mark", "--dir", open.to_str().unwrap(), "deploy"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("can be written by"), "{}", said(&refused));
    assert_eq!(waiting_files(&open), 0);
    mark(&open, &["--trust-directory", "deploy"]);
    assert_eq!(waiting_files(&open), 1, "it was told to");
    let refused = output(&["mark", "--dir", scratch.path().to_str().unwrap(), &"x".repeat(65)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("more than 64 bytes"), "{}", said(&refused));
}
