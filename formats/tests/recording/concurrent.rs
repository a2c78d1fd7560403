//! Readers in threads and processes while the ring turns.

use super::child;
use super::noise::{LANES, noise, push_noise, word};
use super::support::everything_of;
use nodemon_formats::reader::{ReadError, Recording, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A file whose presence ends the children.
const DONE: &str = "done";

/// Reads the whole recording again and again; returns how many values were right. Anything else
/// fails the test.
fn read_until(dir: &Path, done: impl Fn() -> bool) -> u64 {
    let mut values = 0;
    let mut newest = 0;
    while !done() {
        let recording = match Recording::open(dir) {
            // The writer has not made its first commit.
            Err(ReadError::Empty { .. }) if newest == 0 => continue,
            recording => recording.unwrap(),
        };
        assert!(recording.problems().is_empty(), "{:?}", recording.problems());
        let Ok(scan) = recording.scan(everything_of("noise", 1)) else { continue };
        let mut before = None;
        for item in scan {
            let chunk = match item.unwrap() {
                ScanItem::Chunk(chunk) => chunk,
                other => panic!("no rows: {other:?}"),
            };
            for (row, time_ns) in chunk.boot_times.iter().enumerate() {
                let number = (time_ns - 1_000_000) / 1_000_000;
                assert!(
                    before.is_none_or(|before| before + 1 == number),
                    "row {number} after {before:?}"
                );
                before = Some(number);
                for lane in 0..LANES {
                    assert_eq!(chunk.cells(0, lane as usize).words.at(row), word(number, lane));
                    values += 1;
                }
            }
        }
        let last = before.unwrap_or(0);
        assert!(last >= newest, "the newest row was {newest}, then {last}");
        newest = last;
        recording.segments().unwrap();
        recording.tables().unwrap();
        recording.gaps(None, i64::MIN, i64::MAX).unwrap();
    }
    values
}

#[test]
fn child_reads() {
    let Some(dir) = child::dir() else { return };
    let values = read_until(&dir, || dir.join(DONE).exists());
    assert!(values > 0, "nothing was read");
}

#[test]
fn readers_see_no_error_and_no_wrong_value_while_the_ring_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let mut children: Vec<_> = (0..2)
        .map(|_| {
            let mut command = child::command("concurrent::child_reads", path, "", "");
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| read_until(path, || done.load(Ordering::Relaxed))))
            .collect();
        let mut writer = RecordingWriter::open(path, WriterOptions::new(LEAST_RING_BYTES)).unwrap();
        let schema = noise();
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        let start = Instant::now();
        let mut row = 0;
        // However slow the machine is, the ring turns.
        while start.elapsed() < Duration::from_secs(4) || writer.stats().evicted <= 20 {
            push_noise(&mut writer, &mut record, table, row..row + 700);
            row += 700;
            writer.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        std::fs::write(path.join(DONE), "").unwrap();
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "nothing was read");
        }
    });
    for child in children.drain(..) {
        child::assert_success(&child.wait_with_output().unwrap());
    }
}

#[test]
fn someone_who_looks_does_not_keep_a_recorder_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    drop(RecordingWriter::open(path, WriterOptions::new(LEAST_RING_BYTES)).unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    nodemon_formats::ring::Lock::holder(path);
                }
            });
        }
        let mut refused = Vec::new();
        for _ in 0..300 {
            let opened = RecordingWriter::open(path, WriterOptions::new(LEAST_RING_BYTES));
            refused.extend(opened.err());
        }
        done.store(true, Ordering::Relaxed);
        assert!(refused.is_empty(), "{} of 300 times: {}", refused.len(), refused[0]);
    });
}
