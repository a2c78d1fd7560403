//! Queries from four processes while the recorder writes and the ring turns: no error, and no value
//! that another query, earlier or later, saw otherwise.

use nodemon_tests::{Recorder, Setup, ask, csv, segments};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What each row was when it was first seen.
type Seen = Mutex<HashMap<String, String>>;

#[test]
fn four_processes_query_a_turning_ring_without_error_or_a_wrong_value() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let setup = Setup::new(&dir).ring(4 << 20).every("1ms");
    let mut recorder = Recorder::start_recording(&setup);
    let first = newest_segment(&dir);
    let done = AtomicBool::new(false);
    let answers = AtomicU64::new(0);
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..4)
            .map(|number| {
                let (dir, done, answers, seen) = (&dir, &done, &answers, &seen);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        question(number, dir, seen);
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // Until whole segments have come and gone under the queries, or one of them has failed.
        recorder.wait_until(
            "the ring has turned under the queries",
            Duration::from_secs(120),
            |dir| {
                askers.iter().any(|asker| asker.is_finished())
                    || newest_segment(dir) >= first + 40 && answers.load(Ordering::Relaxed) >= 100
            },
        );
        done.store(true, Ordering::Relaxed);
    });
    let rows = seen.into_inner().unwrap();
    println!("{} answers, {} rows", answers.into_inner(), rows.len());
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    // The closed recording agrees with what was seen while it was written.
    let again = ask(&dir, &["range", "-t", "cpu", "-f", "csv"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(compare(&again.out, &Mutex::new(rows)) > 0, "no row of before is left to compare with");
}

fn newest_segment(dir: &Path) -> u64 {
    segments(dir).iter().map(|segment| segment.number).max().unwrap_or(0)
}

/// One of the things that people ask.
fn question(number: u64, dir: &Path, seen: &Seen) {
    let arguments: &[&str] = match number {
        0 => &["range", "-t", "cpu", "-f", "csv", "--from", "-2s"],
        1 => &["range", "-t", "cpu", "-f", "csv"],
        2 => &["range", "-t", "memory", "-f", "jsonl", "--step", "100ms", "--agg", "min,avg,max"],
        _ => &["info"],
    };
    let answer = ask(dir, arguments);
    assert_eq!(
        answer.code,
        Some(0),
        "nodemon-query {} failed beside a recorder: {}",
        arguments.join(" "),
        answer.err
    );
    assert!(answer.out.len() > 50, "nodemon-query {} answered nothing", arguments.join(" "));
    if number < 2 {
        compare(&answer.out, seen);
    }
}

/// Holds each row against what was seen of it before. Returns how many had been seen.
fn compare(text: &str, seen: &Seen) -> usize {
    let (header, rows) = csv(text);
    let key = header.iter().position(|name| *name == "cpu").unwrap();
    let mut known = 0;
    let mut seen = seen.lock().unwrap();
    for row in rows {
        if row[key].is_empty() {
            continue; // a gap, not a row
        }
        let line = row.join(",");
        if let Some(before) = seen.get(&format!("{} {}", row[0], row[key])) {
            known += 1;
            assert_eq!(*before, line, "the same row was read with two values");
        } else {
            seen.insert(format!("{} {}", row[0], row[key]), line);
        }
    }
    known
}
