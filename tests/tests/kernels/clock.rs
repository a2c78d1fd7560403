//! The wall clock is set while the recorder runs: no sample is missing, and each has the time of the
//! clock as it was set last. Then the machine is suspended: that time is a gap with this cause.

use crate::machine::{Feed, Machine, skip_unless_required};
use crate::table::{MS, assert_balanced};
use nodemon_formats::GapCause;
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use nodemon_tests::{ask, gaps};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(200);
const SECOND: i64 = 1000 * MS;
/// What the clock is set by in the end.
const STEP: i64 = 7200 * SECOND;
/// Of the five seconds until the alarm.
const SLEPT_AT_LEAST: i64 = 7 * SECOND / 2;
/// Until a commit, which is when the recorder reads both clocks, a row has the time of before.
const NOTICED_IN: i64 = 3 * SECOND / 2;

#[test]
fn a_wall_clock_that_is_set_loses_no_row_and_a_machine_that_is_suspended_is_a_gap() {
    let machine = match Machine::new("6.1", Feed::Module, "clock") {
        Ok(machine) => machine,
        Err(why) => return skip_unless_required("the clock on 6.1", &why),
    };
    machine.boot(LIMIT).wait();
    let disk = machine.take_disk();
    let dir = disk.path().join("recording");
    let said = |file: &str| std::fs::read_to_string(disk.path().join("out").join(file)).unwrap();
    assert_eq!(said("recorder.status").trim(), "0", "{}", said("recorder.log"));
    let verify = ask(&dir, &["verify"]);
    assert_eq!(verify.code, Some(0), "verify says {}{}", verify.out, verify.err);

    let rows = times(&dir);
    let story = format!("{} rows; {}", rows.len(), machine.tail());
    assert!(
        rows.windows(2).all(|two| two[0].0 < two[1].0),
        "the clock of boot never steps: {story}"
    );
    assert!(rows.windows(2).all(|two| two[0].1 < two[1].1), "nor does time: {story}");
    // No sample is missing: each deadline has one, or is in a gap.
    let gaps = gaps(&dir, "cpu", i64::MIN, i64::MAX).into_iter().map(|gap| gap.gap);
    let gaps: Vec<_> =
        gaps.map(|gap| (gap.from_ns.cast_signed(), gap.to_ns.cast_signed(), gap)).collect();
    let boot: Vec<i64> = rows.iter().map(|row| row.0).collect();
    println!("{}", assert_balanced(&boot, &gaps, MS));

    // The hour that the clock was ahead of itself was a mistake, which the clock of later puts right.
    // What it was set to last holds from then on.
    let offset = |row: &(i64, i64)| row.1 - row.0 - (rows[0].1 - rows[0].0);
    let is_after = |row: &(i64, i64)| (offset(row) - STEP).abs() < SECOND;
    let at = rows.iter().position(is_after).unwrap_or_else(|| panic!("it was set: {story}"));
    let (before, after) = rows.split_at(at);
    assert!(before.iter().all(|row| offset(row).abs() < SECOND), "set once: {story}");
    assert!(after.iter().all(is_after), "set once: {story}");
    let marks = marks(&said("marks"));
    // Between the two marks it was set, which takes a slow machine a while. In time as it was before:
    let set = marks["before"] - 2 * MS..marks["after"] - offset(&after[0]) + NOTICED_IN;
    for (row, which) in [(&before[at - 1], "last row before"), (&after[0], "first row after")] {
        let late = row.1 - offset(row) - marks["before"];
        assert!(set.contains(&(late + marks["before"])), "{which}, {late} ns late: {story}");
    }
    // What is sampled by the kernel each millisecond, and what is read each second.
    for (table, interval) in [("cpu", MS), ("memory", SECOND)] {
        assert_suspended(&dir, table, interval, marks["asleep"], marks["awake"]);
    }
}

/// Nothing is missing while the machine slept but samples of that time, and the cause says so.
fn assert_suspended(dir: &Path, table: &str, interval: i64, asleep: i64, awake: i64) {
    let gaps = nodemon_tests::gaps(dir, table, asleep, awake);
    let story = format!("{table} between {asleep} and {awake}: {gaps:?}");
    let suspended: i64 = gaps
        .iter()
        .filter(|gap| gap.gap.cause == GapCause::Suspended)
        .map(|gap| gap.to.min(awake) - gap.from.max(asleep))
        .sum();
    // To fall asleep and to wake up takes part of the time; of the rest a sample may be on each side.
    assert!(suspended > SLEPT_AT_LEAST - 2 * interval, "{suspended} ns are a gap: {story}");
    let other: u64 = gaps
        .iter()
        .filter(|gap| gap.gap.cause != GapCause::Suspended)
        .map(|gap| gap.gap.lost)
        .sum();
    println!("{table}: {suspended} ns suspended, {other} samples missing beside");
}

/// Boot time and wall time of each sample of `cpu`, in the order of the recording.
fn times(dir: &Path) -> Vec<(i64, i64)> {
    let recording = Recording::open(dir).unwrap();
    let request = ScanRequest {
        table: "cpu".to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        ..ScanRequest::default()
    };
    let mut times = Vec::new();
    for item in recording.scan(request).unwrap() {
        let ScanItem::Chunk(chunk) = item.unwrap() else { panic!("a chunk was expected") };
        let boot = chunk.boot_times.iter().map(|time| time.cast_signed());
        times.extend(boot.zip(chunk.times.iter().copied()));
    }
    times.sort_unstable();
    times
}

/// What the wall clock showed, by the name of the mark.
fn marks(text: &str) -> BTreeMap<String, i64> {
    let mark = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[1].to_owned(), words[2].parse().unwrap())
    };
    text.lines().map(mark).collect()
}
