//! What hangs blinds nobody: a stopped FUSE daemon and a process whose memory is locked by it.

use nodemon_formats::reader::Recording;
use nodemon_formats::{GapCause, TableKind, Value};
use nodemon_skip::skip;
use nodemon_tests::{
    Fuse, Locked, Recorder, Setup, gaps, play_role, programs, read_table, wall_now_ns, why_no_fuse,
};
use std::path::Path;
use std::time::Duration;

const ROLE: &str = "hang::a_part_in_the_other_tests";
/// Tables with keys that have rows at any time.
const ALWAYS: [&str; 5] = ["cpu", "disk", "net", "process", "filesystem"];
const SECOND_NS: i64 = 1_000_000_000;

#[test]
#[ignore = "the other tests of this file start it"]
fn a_part_in_the_other_tests() {
    play_role();
}

/// How long something hangs: `NODEMON_HANG_S` seconds, or 8.
fn how_long() -> Duration {
    let text = std::env::var("NODEMON_HANG_S");
    let seconds = text.map_or(8, |text| text.parse().expect("NODEMON_HANG_S is a number"));
    Duration::from_secs(seconds)
}

/// A file system whose daemon is stopped, and a process that it locks up.
pub struct Culprits {
    locked: Locked,
    file_system: Fuse,
}

impl Culprits {
    pub fn start(point: &Path) -> Culprits {
        let file_system = Fuse::mount(point, ROLE);
        let locked = Locked::start(&file_system, ROLE);
        file_system.stop();
        Culprits { locked, file_system }
    }

    fn process(&self) -> String {
        format!("process {} ({})", self.locked.pid(), self.locked.command())
    }

    fn mount(&self) -> String {
        format!("{} (fuse)", self.file_system.point().display())
    }

    /// Ends the hang, and returns when.
    fn release(&mut self) -> i64 {
        self.file_system.kill();
        wall_now_ns()
    }
}

/// Fails the test unless a gap names `who` all the time between `from` and `to`, but for a second
/// and a half at either end, and never `before`.
fn assert_named(dir: &Path, table: &str, who: &str, from: i64, to: i64) {
    let all = gaps(dir, table, i64::MIN, i64::MAX);
    let mut named: Vec<_> = all.iter().filter(|gap| gap.gap.detail.contains(who)).collect();
    named.sort_by_key(|gap| gap.from);
    let first = named.first().unwrap_or_else(|| panic!("no gap of {table} names {who}: {all:?}"));
    let slack = 3 * SECOND_NS / 2;
    let after = (first.from - from) as f64 / 1e9;
    assert!(
        first.from <= from + 2 * slack,
        "{who} is a gap of {table} only {after} s after it hung"
    );
    assert!(first.from >= from - 2 * slack, "{who} is a gap of {table} {after} s after it hung");
    let mut until = first.to;
    for gap in &named {
        assert!(gap.from <= until + SECOND_NS / 10, "the gap of {who} has a hole: {named:?}");
        until = until.max(gap.to);
    }
    let ends = (until - to) as f64 / 1e9;
    assert!(ends.abs() <= 1.5, "the gap of {who} ends {ends} s after the hang: {named:?}");
    println!("{table}: {who} from {after:.1} s after it hung to {ends:.1} s after it ended");
}

/// Fails the test unless every table that is sampled once a second has a sample of each second
/// between `from` and `to`.
fn assert_every_sample(dir: &Path, from: i64, to: i64) {
    let recording = Recording::open(dir).unwrap();
    let schemas = recording.schemas();
    let mut looked_at = 0;
    for schema in schemas {
        let interval = schema.interval_ns.cast_signed();
        // A sample of a table with keys may have no rows, but not that of these.
        let has_rows = schema.keys.is_empty() || ALWAYS.contains(&schema.name.as_str());
        let is_sampled = schema.kind == TableKind::Sample && (1..=SECOND_NS).contains(&interval);
        if !has_rows || !is_sampled {
            continue;
        }
        looked_at += 1;
        let times = read_table(dir, &schema.name).times();
        let within: Vec<i64> = times.into_iter().filter(|t| (from..to).contains(t)).collect();
        let due = (to - from) / SECOND_NS;
        let seconds = within.chunk_by(|a, b| a.div_euclid(SECOND_NS) == b.div_euclid(SECOND_NS));
        let seconds = seconds.count() as i64;
        let name = &schema.name;
        assert!(seconds >= due - 1, "{name} has samples in {seconds} of {due} seconds");
    }
    println!("{looked_at} tables have every sample of {} s", (to - from) / SECOND_NS);
    assert!(looked_at >= 10, "only {looked_at} tables were looked at");
}

/// Fails the test unless the hung mount has a row without figures in each second, and another has
/// its figures.
fn assert_rows(dir: &Path, hung: &Culprits, from: i64, to: i64) {
    let table = read_table(dir, "filesystem");
    let total = table.column("total_bytes");
    let of = |mount: &str| {
        let rows = table.rows.iter().filter(|((time, _), _)| (from..to).contains(time));
        let rows = rows.filter(|((_, key), _)| key.starts_with(&format!("{mount} ")));
        rows.map(|(_, row)| row[total].clone()).collect::<Vec<_>>()
    };
    let (seconds, point) = ((to - from) / SECOND_NS, hung.file_system.point());
    let rows = of(&point.display().to_string());
    assert!(rows.len() as i64 >= seconds - 1, "{} rows in {seconds} s", rows.len());
    assert!(rows.iter().all(|total| *total == Value::Absent), "{rows:?}");
    let rows = of("/");
    assert!(rows.len() as i64 >= seconds - 1, "{} rows of / in {seconds} s", rows.len());
    // Beside enough other load a helper gets no CPU in time, now and then.
    let absent = rows.iter().filter(|total| **total == Value::Absent).count();
    assert!(absent <= 1 + rows.len() / 10, "{absent} of {} rows of / are absent", rows.len());
}

/// Whether a process that hangs was sampled with its command line before it did. It must have rows
/// in any case, up to the last second before `end`.
fn was_read_in_time(dir: &Path, culprits: &Culprits, end: i64) -> bool {
    let table = read_table(dir, "process");
    let (title, pid) = (table.column("cmdline"), format!("{} ", culprits.locked.pid()));
    let of_process = table.rows.iter().filter(|((_, key), _)| key.starts_with(&pid));
    let rows: Vec<_> = of_process.map(|((time, _), row)| (*time, &row[title])).collect();
    let last = rows.last().unwrap_or_else(|| panic!("{} has no rows", culprits.process())).0;
    assert!(last >= end - 3 * SECOND_NS / 2, "its last row is {} ns old", end - last);
    rows[0].1 != &Value::Absent
}

/// What hangs from before the start, and something more while the recorder runs.
fn under_a_hang(feed: &str, is_killed: bool) {
    if let Some(why) = why_no_fuse() {
        skip!("{why}");
        return;
    }
    // Whatever else runs here hangs as long as this does, so what can be done before is.
    programs();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut before = Culprits::start(&scratch.path().join("before"));
    let begun = wall_now_ns();
    let feed = format!("process=1s{feed}");
    let setup = Setup::new(&dir).with(&[
        "--source",
        "filesystem=1s",
        "--source",
        &feed,
        "--source",
        "stack_cpu",
        "--source",
        "stack_wait",
    ]);
    let mut recorder = Recorder::start_recording(&setup);
    let started = wall_now_ns();
    println!("rows after {:.1} s", (started - begun) as f64 / 1e9);
    recorder.wait_for(how_long() / 2);
    let hung = wall_now_ns();
    let meanwhile = Culprits::start(&scratch.path().join("meanwhile"));
    recorder.wait_for(how_long());
    let (mount, process) = (before.mount(), before.process());
    let released = if is_killed {
        wall_now_ns()
    } else {
        let released = before.release();
        recorder.wait_for(how_long() + Duration::from_secs(4));
        released
    };
    let log = recorder.log();
    let end = wall_now_ns();
    if is_killed {
        recorder.kill();
    } else {
        let (status, took, log) = recorder.terminate();
        println!("ended after {took:?}");
        assert!(status.success(), "the recorder ended with {status}:\n{log}");
    }
    assert_every_sample(&dir, started + SECOND_NS, end - SECOND_NS);
    assert_rows(&dir, &before, started, released);
    for (table, who) in [("filesystem", &mount), ("process", &process)] {
        assert_named(&dir, table, who, started, released);
        assert!(log.contains(who.as_str()), "the log does not name {who}:\n{log}");
    }
    assert_named(&dir, "filesystem", &meanwhile.mount(), hung, end);
    // A sample between its start and its lock has read it, and reads it no more.
    if was_read_in_time(&dir, &meanwhile, end) {
        println!("the command line of {} was read before it hung", meanwhile.process());
    } else {
        assert_named(&dir, "process", &meanwhile.process(), hung, end);
    }
    // Stacks are made from files of processes, any of which may hang.
    for table in ["stack_cpu", "stack_wait"] {
        let gaps = gaps(&dir, table, started + SECOND_NS, end - SECOND_NS);
        let failed: Vec<_> =
            gaps.iter().filter(|gap| gap.gap.cause == GapCause::SourceFailed).collect();
        assert!(failed.is_empty(), "{table} was held up by what hangs: {failed:?}");
    }
    if !is_killed {
        assert!(log.contains(&format!("{mount} responds again")), "{log}");
        assert!(log.contains(&format!("{process} can be read again")), "{log}");
    }
}

#[test]
fn under_a_hang_every_other_source_has_every_sample_and_gaps_name_the_culprits_until_it_ends() {
    under_a_hang("", false);
}

#[test]
fn a_recorder_that_is_killed_under_a_hang_has_said_who_hangs_read_from_proc_too() {
    under_a_hang(",feed=proc", true);
}
