//! Fine rows are moved out of the segments that they were written to.

use super::{ROWS, World, fine_dir, options, seconds_of_noise};
use crate::child;
use crate::noise::{LANES, word};
use crate::support::{copy_of, du, rows_in, rows_of, segments_of};
use nodemon_formats::reader::Recording;
use nodemon_formats::writer::{LEAST_RING_BYTES, WriterOptions};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

/// All rows of noise, which must be there once each.
fn assert_noise(dir: &Path, seconds: std::ops::Range<u64>, when: &str) {
    let (fine, problems) = rows_of(dir, "noise", 2);
    assert!(problems.is_empty(), "{when}: {problems:?}");
    assert_eq!(seconds_of_noise(&fine), seconds, "{when}");
    let table = Recording::open(dir).unwrap().table("noise").unwrap().unwrap();
    assert_eq!(table.rows, (seconds.end - seconds.start) * ROWS, "{when}: counted");
}

#[test]
fn where_fine_rows_cannot_be_moved_they_stay_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    // No directory can be made where a file is.
    fs::write(fine_dir(dir.path()), "someone's notes").unwrap();
    (0..20).for_each(|second| world.second(second));
    assert!(segments_of(dir.path()).len() > 2, "no segment was closed");
    assert_noise(dir.path(), 0..20, "while they cannot be moved");
    fs::remove_file(fine_dir(dir.path())).unwrap();
    (20..40).for_each(|second| world.second(second));
    assert!(!segments_of(&fine_dir(dir.path())).is_empty(), "none is moved, though it can be");
    assert_noise(dir.path(), 0..40, "after they could be moved again");
    let stats = world.writer.stats();
    assert_eq!((stats.samples_stored, stats.samples_lost), (40 * (ROWS + 1), 0));
    world.writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    assert!(recording.gaps(None, i64::MIN, i64::MAX).unwrap().is_empty());
}

#[test]
fn a_run_that_ended_between_the_two_moves_of_a_segment_leaves_each_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path(), options());
    fs::write(fine_dir(dir.path()), "someone's notes").unwrap();
    (0..10).for_each(|second| world.second(second));
    world.writer.close().unwrap();
    let whole = segments_of(dir.path()).pop().unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(fine_dir(dir.path())).unwrap();
    let mut world = World::open(dir.path(), options());
    world.second(10);
    // No destructor may run: a process that is killed runs none.
    let killed = copy_of(dir.path());
    std::mem::forget(world);
    let (dir, whole) = (&killed, killed.path().join(whole.file_name().unwrap()));
    let moved = || {
        let moved = segments_of(&fine_dir(dir.path()));
        moved.iter().filter(|path| path.file_name() == whole.file_name()).count()
    };
    assert_eq!(moved(), 1, "the next run moves what the one before could not");
    assert_noise(dir.path(), 0..11, "after both moves");
    // As a run leaves it that ends between the two: the rows are there twice.
    assert!(fs::read(&whole).unwrap() != bytes, "it was not replaced");
    fs::write(&whole, &bytes).unwrap();
    assert_noise(dir.path(), 0..11, "between the moves");
    // The next run begins anew with it.
    let mut world = World::open(dir.path(), options());
    world.second(11);
    world.writer.close().unwrap();
    assert_eq!(moved(), 1);
    assert!(fs::read(&whole).unwrap() != bytes, "it was not replaced again");
    assert_noise(dir.path(), 0..12, "after the run that followed");
}

#[test]
fn where_nearly_all_rows_are_fine_the_newest_are_moved_and_the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let ring_size_bytes = 26 * LEAST_RING_BYTES;
    let fine_size_bytes = 25 * LEAST_RING_BYTES;
    let mut options = WriterOptions::with_tiers(ring_size_bytes, vec![]);
    options.fine_size_bytes = fine_size_bytes;
    let mut world = World::open(dir.path(), options);
    let seconds = 1600;
    for second in 0..seconds {
        world.push_fine(second);
        world.push_slow(second);
        if second % 4 == 3 {
            world.writer.commit().unwrap();
            let taken = du(dir.path());
            assert!(taken <= ring_size_bytes, "second {second}: du says {taken}");
        }
    }
    assert_eq!(world.writer.stats().samples_lost, 0);
    let (fine, problems) = rows_of(dir.path(), "noise", 2);
    assert!(problems.is_empty(), "{problems:?}");
    let fine = seconds_of_noise(&fine);
    assert_eq!(fine.end, seconds);
    let expected = fine_size_bytes / (LANES * ROWS * 8) * 2 / 3;
    assert!(fine.end - fine.start > expected, "{fine:?}, at least {expected} s have room");
    let slow = rows_of(dir.path(), "slow", 1).0.len();
    assert!(slow as u64 > expected / 2, "{slow} rows of once a second are left");
}

const RECORDING: &str = "recording";

#[test]
fn child_records_into_both_rings_until_it_is_killed() {
    let Some(dir) = child::dir() else { return };
    let mut world = World::open(&dir.join(RECORDING), options());
    for second in 0.. {
        world.second(second);
        println!("committed {second}");
    }
}

#[test]
fn what_both_rings_had_committed_before_a_kill_is_there() {
    for round in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let name = "fine_rows::moves::child_records_into_both_rings_until_it_is_killed";
        let mut child = child::command(name, dir.path(), "", "")
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut committed = None;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("committed ").and_then(|(_, number)| number.parse::<u64>().ok())
        });
        let least = 2 + word(round, 3) % 60;
        while committed.is_none_or(|committed| committed < least) {
            committed = Some(numbers.next().expect("the child goes on"));
        }
        let wait = std::time::Instant::now();
        while wait.elapsed() < std::time::Duration::from_micros(word(round, 4) % 9000) {}
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        let committed = numbers.last().or(committed).unwrap();
        let path = dir.path().join(RECORDING);
        assert!(du(&path) <= 3 * LEAST_RING_BYTES, "{} bytes", du(&path));
        let recording = Recording::open(&path).unwrap();
        assert!(recording.problems().is_empty(), "{:?}", recording.problems());
        let (fine, problems) = rows_in(&recording, "noise", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        let fine = seconds_of_noise(&fine);
        let (slow, problems) = rows_in(&recording, "slow", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        // The commit in which it was killed may be there, in one ring or in both.
        let ends = [fine.end, slow.len() as u64];
        let whole = committed + 1..=committed + 2;
        assert!(ends.iter().all(|end| whole.contains(end)), "round {round}: {committed}, {ends:?}");
    }
}
