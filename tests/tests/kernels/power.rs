//! The power of a machine is cut while it records: at most the last second is gone.

use crate::machine::{Feed, Machine, skip_unless_required};
use crate::table::{Cpus, MS};
use nodemon_formats::Value;
use nodemon_tests::{ask, read_table, seeded};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);
/// What a crash may take.
const SECOND: i64 = 1000 * MS;

#[test]
fn a_power_cut_takes_at_most_the_last_second() {
    let rounds = if std::env::var_os("NODEMON_LONG").is_some() { 20 } else { 3 };
    let mut random = seeded("power");
    let mut told = Vec::new();
    for round in 1..=rounds {
        let wait = Duration::from_micros(random.u64(3_000_000..7_000_000));
        match cut(round, wait) {
            Ok(lost) => told.push(lost),
            Err(why) => return skip_unless_required("the power cut on 6.1", &why),
        }
    }
    println!("lost: {}", told.join(", "));
}

fn cut(round: u32, wait: Duration) -> Result<String, String> {
    let machine = Machine::new("6.1", Feed::Module, "power")?;
    let mut running = machine.boot(LIMIT);
    running.wait_for("mark recording");
    // The instant is the chance of it; nothing is waited for.
    std::thread::sleep(wait);
    running.cut_power();

    let story = format!("round {round}, cut {wait:?} after the first rows; {}", machine.tail());
    let (recording_ns, beat_ns) = times(&machine.console());
    assert!(beat_ns > recording_ns, "there was no heartbeat: {story}");
    let disk = machine.take_disk();
    let dir = disk.path().join("recording");
    let verify = ask(&dir, &["verify"]);
    assert_eq!(verify.code, Some(0), "verify says {}{}; {story}", verify.out, verify.err);

    let cpus = Cpus::read(&dir);
    let rows = cpus.times(i64::MIN, i64::MAX);
    let lost_ns = beat_ns - rows.last().expect("there are rows");
    // The writer commits so that with the time that commits take no sample is older than a second
    // before it is durable. How long the next one takes it can only guess, and on a disk that is
    // emulated beside other load that differs much: one may take as long as the longest so far,
    // and the samples of that second are lost with it.
    let allowed_ns = SECOND + longest_commit_ns(&dir);
    assert!(
        lost_ns <= allowed_ns,
        "{} ms are gone, and {} were allowed: {story}",
        lost_ns / MS,
        allowed_ns / MS
    );
    // Everything older is there: each sample that was due is stored, or in a gap.
    let balance = cpus.assert_balanced(rows[0], rows[rows.len() - 1] + 1);
    println!("round {round}: {balance}");
    Ok(format!("{} of {} ms", lost_ns / MS, allowed_ns / MS))
}

/// When the first rows could be read, and the last heartbeat that came out whole.
fn times(console: &str) -> (i64, i64) {
    let whole = &console[..console.rfind('\n').unwrap_or(0)];
    let last = |word: &str| {
        let lines = whole.lines().filter_map(|line| line.strip_prefix(word));
        lines.filter_map(|time| time.trim().parse().ok()).next_back().unwrap_or(0)
    };
    (last("mark recording "), last("beat "))
}

fn longest_commit_ns(dir: &Path) -> i64 {
    let table = read_table(dir, "recorder");
    let column = table.column("commit_max_ns");
    let longest = table.rows.values().filter_map(|values| match values[column] {
        Value::U64(ns) => Some(ns.cast_signed()),
        _ => None,
    });
    longest.max().unwrap_or(0)
}
