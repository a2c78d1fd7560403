//! Files that others made, or damage did: nothing waits, and no memory is asked for on their word.

use super::damage::closed_recording;
use super::support::{bits, open_writer, rows_of};
use nodemon_formats::ring::Lock;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What `action` returns, which must not hang.
fn in_time<T: Send + 'static>(what: &str, action: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || done.send(action()));
    wait.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{what} hangs"))
}

/// The high-water mark of this process's memory since it was last set back, bytes.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_pipe_named_lock_keeps_nobody_waiting() {
    let (dir, _) = closed_recording();
    let path = dir.path().to_owned();
    fs::remove_file(path.join("lock")).unwrap();
    make_pipe(&path.join("lock"));
    let asked = path.clone();
    let holder = in_time("asking who records", move || Lock::holder(&asked));
    assert_eq!(holder, None);
    let opened = in_time("a recorder at a pipe", move || {
        RecordingWriter::open(&path, WriterOptions::new(LEAST_RING_BYTES)).map(|_| ())
    });
    let why = opened.unwrap_err().to_string();
    assert!(why.contains("`lock`"), "{why}");
}

#[test]
fn a_link_named_lock_is_refused_and_what_it_names_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "keep me").unwrap();
    let recording = dir.path().join("recording");
    for hard in [false, true] {
        fs::create_dir(&recording).unwrap();
        let lock = recording.join("lock");
        match hard {
            true => fs::hard_link(&victim, &lock).unwrap(),
            false => std::os::unix::fs::symlink(&victim, &lock).unwrap(),
        }
        let opened = RecordingWriter::open(&recording, WriterOptions::new(LEAST_RING_BYTES));
        let why = opened.map(|_| ()).unwrap_err().to_string();
        assert!(why.contains("`lock`"), "hard {hard}: {why}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "keep me", "hard {hard}");
        fs::remove_dir_all(&recording).unwrap();
    }
}

#[test]
fn a_second_recorder_is_refused_though_the_lock_file_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    fs::remove_file(dir.path().join("lock")).unwrap();
    let refused = |why: &str| {
        let second = RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES));
        assert!(second.is_err(), "two recorders write one recording {why}");
    };
    refused("without a lock file");
    // What the one that was refused left is not taken for its lock.
    writer.commit().unwrap();
    refused("after a commit");
    assert_eq!(Lock::holder(dir.path()), Some(std::process::id()));
}

/// Gives every page number in a branch of the trees an order that no page has.
fn with_order(bytes: &mut [u8], order: u64) -> usize {
    let mut patched = 0;
    for bytes in bytes.chunks_exact_mut(4096) {
        let keys = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        if bytes[0] != 2 || 8 + 24 * (keys + 1) > bytes.len() {
            continue;
        }
        for child in 0..=keys {
            let at = 8 + 16 * (keys + 1) + 8 * child;
            let number = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let number = (number & ((1 << 59) - 1)) | (order << 59);
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            patched += 1;
        }
    }
    patched
}

#[test]
fn a_page_number_that_asks_for_gigabytes_costs_none_and_all_rows_are_found() {
    let (dir, segments) = closed_recording();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let mut patched = 0;
    for segment in &segments {
        let mut bytes = fs::read(segment).unwrap();
        patched += with_order(&mut bytes, 19);
        fs::write(segment, bytes).unwrap();
    }
    assert!(patched > 0, "no branch in {} segments", segments.len());
    let before = peak_bytes();
    let (rows, problems) = rows_of(dir.path(), "noise", 1);
    assert!(bits(&rows) == bits(&whole), "{} of {} rows", rows.len(), whole.len());
    assert!(!problems.is_empty(), "damage went unnoticed");
    let writer = RecordingWriter::open(dir.path(), WriterOptions::new(LEAST_RING_BYTES)).unwrap();
    drop(writer);
    let grown = peak_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{} MiB for {patched} page numbers", grown >> 20);
}

#[test]
fn two_tiers_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let with = |steps_ns: &[u64]| {
        let tier = |step_ns: &u64| TierOptions { step_ns: *step_ns, size_bytes: LEAST_RING_BYTES };
        WriterOptions {
            tiers: steps_ns.iter().map(tier).collect(),
            ..WriterOptions::new(4 * LEAST_RING_BYTES)
        }
    };
    let twice = RecordingWriter::open(dir.path(), with(&[1_000_000_000, 1_000_000_000]));
    let why = twice.map(|_| ()).unwrap_err().to_string();
    assert_eq!(why, "two tiers have the step 1 s; leave one of them out");
    drop(RecordingWriter::open(dir.path(), with(&[1_000_000_000, 1_500_000_000])).unwrap());
    for name in ["tier-1s", "tier-1500ms"] {
        assert!(dir.path().join(name).is_dir(), "there is no {name}");
    }
}

#[test]
fn a_sparse_file_is_searched_where_it_has_bytes() {
    let (dir, segments) = closed_recording();
    let (whole, _) = rows_of(dir.path(), "noise", 1);
    let huge = OpenOptions::new().write(true).open(&segments[0]).unwrap();
    huge.set_len(1 << 42).unwrap();
    let nothing = dir.path().join("segment-0000000900.redb");
    fs::File::create(&nothing).unwrap().set_len(1 << 42).unwrap();
    let path = dir.path().to_owned();
    let start = Instant::now();
    let (rows, problems) = in_time("a file of 4 TiB", move || rows_of(&path, "noise", 1));
    assert!(bits(&rows) == bits(&whole), "{} of {} rows", rows.len(), whole.len());
    let told = |name: &str| problems.iter().filter(|problem| problem.contains(name)).count();
    assert_eq!(told("segment-0000000900"), 1, "{problems:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
