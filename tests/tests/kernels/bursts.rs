//! Bursts of 3 ms every 100 ms, which the tick passes over where they fall between two.

use crate::stat::Stat;
use crate::table::Cpus;

/// Part of the time that the bursts take.
const LEAST: f64 = 0.025;
/// What the tick says of them when it passes them over.
const PASSED_OVER: f64 = 0.01;

/// The table has all bursts of every phase; `/proc/stat` misses those of one at least: it has next to
/// no user time, of which CPU 0 has no other. (The time of the kernel there is what it takes an
/// emulated machine to wake.) `readings` come in pairs, before and after the bursts of a phase.
pub fn assert_seen(cpus: &Cpus, readings: &[Stat], exact: bool) -> String {
    let shares: Vec<(f64, f64)> = readings
        .chunks_exact(2)
        .map(|pair| {
            let (from, to) = (pair[0].after, pair[1].before);
            let here = cpus.growth("0", "busy_ns", from, to) as f64 / (to - from) as f64;
            let said = pair[1].cpus["0"][3] - pair[0].cpus["0"][3];
            (here, said as f64 / (pair[1].before - pair[0].before) as f64)
        })
        .collect();
    let story = shares
        .iter()
        .map(|(here, said)| format!("{:.1} %/{:.1} %", 100.0 * here, 100.0 * said))
        .collect::<Vec<_>>()
        .join(", ");
    if !exact {
        return format!(
            "idle is counted by ticks: bursts are busy here/user time in /proc/stat {story}"
        );
    }
    assert!(
        shares.iter().all(|(here, _)| *here >= LEAST),
        "3 ms every 100 ms are not all here; busy here/user time in /proc/stat: {story}"
    );
    assert!(
        shares.iter().any(|(_, said)| *said < PASSED_OVER),
        "/proc/stat passed over the bursts of no phase (was this machine too busy to run 3 ms \
         undisturbed?); busy here/user time in /proc/stat: {story}"
    );
    format!("bursts are busy here/user time in /proc/stat {story}")
}
