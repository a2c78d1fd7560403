//! What `/proc/stat` said while the recorder ran, and `range --step 1s` held against it.

use crate::table::{Cpus, MS};
use nodemon_tests::{ask_ok, csv, wall_now_ns};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A tick in which `/proc/stat` counts (`USER_HZ`), ns.
pub const USER_TICK_NS: i64 = 10 * MS;
const SECOND: i64 = 1000 * MS;

/// A reading of `/proc/stat`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// Wall time before and after it.
    pub before: i64,
    pub after: i64,
    /// Idle, iowait, busy and user time of each CPU, ns.
    pub cpus: BTreeMap<String, [i64; 4]>,
}

/// Reads it here, as soon as a second is full.
pub fn read_at_second() -> Stat {
    let wait = SECOND - wall_now_ns().rem_euclid(SECOND);
    std::thread::sleep(Duration::from_nanos(wait.cast_unsigned()));
    let before = wall_now_ns();
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    let after = wall_now_ns();
    let cpu = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        let cpu = name.strip_prefix("cpu").filter(|cpu| !cpu.is_empty())?;
        let of: Vec<i64> =
            rest.split(' ').take(8).map(|value| value.parse::<i64>().unwrap()).collect();
        let busy = of.iter().sum::<i64>() - of[3] - of[4];
        Some((
            cpu.to_owned(),
            [of[3], of[4], busy, of[0] + of[1]].map(|ticks| ticks * USER_TICK_NS),
        ))
    };
    Stat { before, after, cpus: text.lines().filter_map(cpu).collect() }
}

/// What the program `load` wrote down in the machine.
pub fn parse(text: &str) -> Vec<Stat> {
    let number = |word: &str| word.parse::<i64>().unwrap();
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let cpus = words[3..].chunks_exact(5).map(|of| {
            let cpu = of[0].strip_prefix("cpu").unwrap().to_owned();
            (cpu, [of[1], of[2], of[3], of[4]].map(|ticks| number(ticks) * USER_TICK_NS))
        });
        Stat { before: number(words[1]), after: number(words[2]), cpus: cpus.collect() }
    };
    text.lines().map(line).collect()
}

/// `range --step 1s` says what `/proc/stat` says of idle and iowait, within one tick, in every step
/// between two readings. A reading is a little after its second, and the last sample a little
/// before: what passed between them is allowed for, and must be little in `least` steps. So is
/// `jump_ns`, by which idle time may go on at once.
pub fn assert_steps(dir: &Path, cpus: &Cpus, stats: &[Stat], least: usize, jump_ns: i64) -> String {
    let growth = ["range", "-t", "cpu", "-c", "idle_ns,iowait_ns", "--step", "1s", "-f", "csv"];
    let text = ask_ok(dir, &[&growth[..], &["--rate", "--agg", "sum"]].concat());
    let (header, rows) = csv(&text);
    assert!(header.starts_with(&["time", "cpu", "idle_ns_sum", "iowait_ns_sum"]), "{header:?}");
    let (mut held, mut worst) = (0, 0.0_f64);
    for pair in stats.windows(2) {
        let second = pair[0].before / SECOND;
        if pair[1].before / SECOND != second + 1 {
            continue;
        }
        let away = |stat: &Stat| {
            let full = stat.before / SECOND * SECOND;
            let last = cpus.times(full - SECOND, full).last().copied();
            stat.after - last.unwrap_or(full - SECOND)
        };
        let away = away(&pair[0]) + away(&pair[1]);
        if away > 30 * MS {
            continue;
        }
        for (cpu, now) in &pair[1].cpus {
            let start = time_of(second);
            let Some(row) = rows.iter().find(|row| row[0] == start && row[1] == cpu) else {
                panic!("range --step 1s has no row of CPU {cpu} at {start}");
            };
            for (state, (at, cell)) in [("idle", (0, row[2])), ("iowait", (1, row[3]))] {
                let said = now[at] - pair[0].cpus[cpu][at];
                let here: f64 = cell.parse().unwrap();
                let apart = (here - said as f64).abs();
                assert!(
                    apart <= (USER_TICK_NS + away + jump_ns) as f64,
                    "{state} of CPU {cpu} in the second from {start}: {here} ns here, {said} ns in \
                     /proc/stat, and the readings are {away} ns away"
                );
                worst = worst.max(apart);
            }
        }
        held += 1;
    }
    assert!(held >= least, "only {held} of {} seconds can be compared", stats.len());
    format!("{held} seconds are as in /proc/stat, {:.1} ms apart at most", worst / 1e6)
}

/// The second as the query writes it.
fn time_of(second: i64) -> String {
    let format = "+%Y-%m-%dT%H:%M:%S.000000000Z";
    let output = Command::new("date").args(["-u", "-d", &format!("@{second}"), format]).output();
    String::from_utf8(output.expect("date can be run").stdout).unwrap().trim().to_owned()
}
