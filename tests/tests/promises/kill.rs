//! SIGKILL at any instant loses at most the last second; everything older reads back bit for bit.

use nodemon_formats::Value;
use nodemon_tests::{Recorder, Setup, Table, ask, gaps, read_table, seeded, wall_now_ns};
use std::path::Path;
use std::time::Duration;

const ROUNDS: u32 = 50;
const SECOND_NS: i64 = 1_000_000_000;

#[test]
fn sigkill_at_random_instants_loses_at_most_a_second_and_tears_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut random = seeded("sigkill");
    let mut worst_ns = 0;
    for round in 1..=ROUNDS {
        let started = wall_now_ns();
        let recorder = Recorder::start_recording(&Setup::new(&dir).every("10ms"));
        std::thread::sleep(Duration::from_micros(random.u64(..1_500_000)));
        // What a reader saw while the recorder lived was durable, and must be there for ever.
        let seen = read_table(&dir, "cpu");
        std::thread::sleep(Duration::from_micros(random.u64(..300_000)));
        let killed = wall_now_ns();
        recorder.kill();

        let left = read_table(&dir, "cpu");
        assert_eq!(left.problems, [] as [&str; 0], "round {round}: a kill damaged something");
        for (row, values) in &seen.rows {
            assert_eq!(
                left.rows.get(row),
                Some(values),
                "round {round}: the row at {row:?} was read before the kill and is not the same now"
            );
        }
        let times: Vec<i64> = left.times().into_iter().filter(|time| *time >= started).collect();
        let last = *times.last().unwrap();
        worst_ns = worst_ns.max(killed - last);
        assert!(
            killed - last <= SECOND_NS,
            "round {round}: the kill came {} ms after the last row that is left",
            (killed - last) / 1_000_000
        );
        assert_contiguous(&dir, &left, &times, round);
        assert_counters_only_grow(&left, round);
        let verified = ask(&dir, &["verify"]);
        assert_eq!(verified.code, Some(0), "round {round}: {}{}", verified.out, verified.err);
    }
    println!("{ROUNDS} kills; the worst lost {} ms", worst_ns / 1_000_000);
}

/// No tick is missing without a gap that says so.
fn assert_contiguous(dir: &Path, table: &Table, times: &[i64], round: u32) {
    for pair in times.windows(2) {
        let hole = pair[1] - pair[0];
        if hole > 2 * table.interval_ns {
            let gaps = gaps(dir, "cpu", pair[0], pair[1]);
            assert!(
                !gaps.is_empty(),
                "round {round}: {} ms without a row and without a gap",
                hole / 1_000_000
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
