//! SIGKILL at any instant loses at most the last second; everything older reads back bit for bit.

use nodemon_formats::Value;
use nodemon_formats::reader::Recording;
use nodemon_tests::{Recorder, Setup, Table, ask, gaps, read_table, seeded, span, wall_now_ns};
use std::path::Path;
use std::time::Duration;

const ROUNDS: u32 = 50;
/// A table that the recorder samples itself, and one that the kernel samples for it where it can.
const TABLES: [&str; 2] = ["kernel", "cpu"];
/// What a kill may take.
const SECOND_MS: i64 = 1000;

#[test]
fn sigkill_at_random_instants_loses_at_most_a_second_and_tears_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut random = seeded("sigkill");
    let mut lost_ms = Vec::new();
    for round in 1..=ROUNDS {
        let started = wall_now_ns();
        let mut recorder = Recorder::start(&Setup::new(&dir).every("10ms"));
        recorder.wait_until("something can be read", Duration::from_secs(20), |dir| {
            span(dir).is_some()
        });
        // Half of the kills may come before it records, as late as that is on a busy machine.
        if round % 2 == 1 {
            recorder.wait_until("both tables have rows of it", Duration::from_secs(20), |dir| {
                let is_there = |recording: &Recording, table: &str| {
                    let found = recording.table(table).ok().flatten();
                    found.is_some_and(|found| found.span.1 >= started)
                };
                Recording::open(dir)
                    .is_ok_and(|recording| TABLES.iter().all(|table| is_there(&recording, table)))
            });
        }
        std::thread::sleep(Duration::from_micros(random.u64(..1_500_000)));
        // What a reader saw while the recorder lived was durable, and must be there for ever.
        let seen = TABLES.map(|name| read_table(&dir, name));
        std::thread::sleep(Duration::from_micros(random.u64(..300_000)));
        let killed = wall_now_ns();
        let log = recorder.kill();

        for (name, seen) in TABLES.into_iter().zip(seen) {
            let left = read_table(&dir, name);
            assert_eq!(left.problems, [] as [&str; 0], "round {round}: a kill damaged {name}");
            assert_holds(&left, &seen, round);
            let times: Vec<i64> =
                left.times().into_iter().filter(|time| *time >= started).collect();
            match times.last() {
                Some(last) => lost_ms.push((killed - last) / 1_000_000),
                // Of what it samples a second may be gone once it has begun, which takes a while on a
                // machine that is busy with other tests, and longer for what samples in the kernel.
                None if name == "cpu"
                    || began_ns(&log)
                        .is_none_or(|began| killed - began < SECOND_MS * 1_000_000) =>
                {
                    println!("round {round}: killed before {name} was durable");
                }
                None => panic!("round {round}: nothing of {name} is there: {log}"),
            }
            assert_contiguous(&dir, name, &left, &times, round);
            if name == "cpu" {
                assert_counters_only_grow(&left, round);
            }
        }
        let verified = ask(&dir, &["verify"]);
        assert_eq!(verified.code, Some(0), "round {round}: {}{}", verified.out, verified.err);
    }
    lost_ms.sort_unstable();
    println!("{ROUNDS} kills lost these ms: {lost_ms:?}");
    assert!(lost_ms.len() >= TABLES.len() * ROUNDS as usize / 2, "seldom put to the test");
    assert!(
        lost_ms[lost_ms.len() - 1] <= SECOND_MS,
        "a kill lost more than a second: {lost_ms:?} ms"
    );
}

/// When the recorder said that it records, wall time.
fn began_ns(log: &str) -> Option<i64> {
    let line = log.lines().find(|line| line.contains(" recording "))?;
    let time: jiff::Timestamp = line.split_whitespace().next()?.parse().unwrap();
    Some(i64::try_from(time.as_nanosecond()).unwrap())
}

/// Everything that was seen is there, and says the same.
fn assert_holds(left: &Table, seen: &Table, round: u32) {
    for (row, values) in &seen.rows {
        let now = left.rows.get(row);
        assert!(
            now == Some(values),
            "round {round}: {row:?} was read before the kill as {values:?}, now it is {now:?}; the \
             rows around it were {:?} and are {:?}",
            neighbours(seen, row),
            neighbours(left, row)
        );
    }
}

/// Times and keys of the rows around one.
fn neighbours(table: &Table, row: &(i64, String)) -> Vec<(i64, String)> {
    let before = table.rows.range(..row.clone()).rev().take(3).map(|(row, _)| row.clone());
    let after = table.rows.range(row.clone()..).take(4).map(|(row, _)| row.clone());
    let mut all: Vec<_> = before.chain(after).collect();
    all.sort();
    all
}

/// No tick is missing without a gap that says so. A tick that is served late leaves up to two
/// intervals between two rows, and the time by which it was late.
fn assert_contiguous(dir: &Path, name: &str, table: &Table, times: &[i64], round: u32) {
    for pair in times.windows(2) {
        let hole = pair[1] - pair[0];
        if hole > 3 * table.interval_ns {
            let gaps = gaps(dir, name, pair[0], pair[1]);
            assert!(
                !gaps.is_empty(),
                "round {round}: {} ms without a row and without a gap, {} ms before the last row",
                hole / 1_000_000,
                (times[times.len() - 1] - pair[1]) / 1_000_000
            );
        }
    }
}

/// User time of every CPU: a row out of its place, or a torn one, would let it go back.
fn assert_counters_only_grow(table: &Table, round: u32) {
    let user = table.column("user_ns");
    let mut before = std::collections::BTreeMap::new();
    for ((time, cpu), values) in &table.rows {
        let Value::U64(now) = values[user] else { panic!("user_ns is {:?}", values[user]) };
        let last = before.insert(cpu, now).unwrap_or(0);
        assert!(now >= last, "round {round}: user_ns of cpu {cpu} fell to {now} at {time}");
    }
}
