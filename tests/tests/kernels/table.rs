//! The table `cpu` at 1 ms: its account, and its counters over time.

use nodemon_formats::reader::WallGap;
use nodemon_formats::{Gap, GapCause, Value};
use nodemon_tests::{gaps, read_table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const MS: i64 = 1_000_000;
/// Counters that may never fall.
const COUNTERS: [&str; 9] = [
    "user_ns",
    "nice_ns",
    "system_ns",
    "idle_ns",
    "iowait_ns",
    "irq_ns",
    "softirq_ns",
    "steal_ns",
    "busy_ns",
];

/// The rows of one CPU by wall time: a value for each of [`COUNTERS`].
type Rows = BTreeMap<i64, [u64; COUNTERS.len()]>;

/// The table `cpu` of a recording.
pub struct Cpus {
    dir: PathBuf,
    interval_ns: i64,
    pub by_cpu: BTreeMap<String, Rows>,
}

/// Position in [`COUNTERS`].
fn counter(name: &str) -> usize {
    COUNTERS.iter().position(|counter| *counter == name).unwrap()
}

impl Cpus {
    pub fn read(dir: &Path) -> Cpus {
        let table = read_table(dir, "cpu");
        assert_eq!(table.problems, [] as [&str; 0], "the table cpu is damaged");
        let columns = COUNTERS.map(|name| table.column(name));
        let mut by_cpu: BTreeMap<String, Rows> = BTreeMap::new();
        for ((time, cpu), values) in &table.rows {
            let row = columns.map(|column| match values[column] {
                Value::U64(value) => value,
                ref other => panic!("a counter of CPU {cpu} is {other:?}"),
            });
            by_cpu.entry(cpu.clone()).or_default().insert(*time, row);
        }
        Cpus { dir: dir.to_owned(), interval_ns: table.interval_ns, by_cpu }
    }

    /// Times of the samples from `from` until before `to`, of any CPU.
    pub fn times(&self, from: i64, to: i64) -> Vec<i64> {
        let mut times: Vec<i64> = self
            .by_cpu
            .values()
            .flat_map(|rows| rows.range(from..to).map(|(time, _)| *time))
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// How many samples of a CPU there are from `from` until before `to`.
    pub fn count(&self, cpu: &str, from: i64, to: i64) -> usize {
        self.by_cpu.get(cpu).map_or(0, |rows| rows.range(from..to).count())
    }

    /// By how much a counter grew between the last samples up to `from` and up to `to`.
    pub fn growth(&self, cpu: &str, name: &str, from: i64, to: i64) -> u64 {
        let at = |time: i64| {
            let row = self.by_cpu[cpu].range(..=time).next_back();
            row.unwrap_or_else(|| panic!("CPU {cpu} has no sample before {time}")).1[counter(name)]
        };
        at(to) - at(from)
    }

    /// The gaps that touch a span.
    pub fn gaps(&self, from: i64, to: i64) -> Vec<WallGap> {
        let mut gaps = gaps(&self.dir, "cpu", from, to);
        gaps.retain(|gap| gap.to > from && gap.from < to);
        gaps
    }

    /// The median distance of two samples is the interval, within 1 %.
    pub fn assert_median(&self, from: i64, to: i64) -> f64 {
        let times = self.times(from, to);
        let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.len() > 1000, "{} samples are too few to tell", times.len());
        steps.sort_unstable();
        let median = steps[steps.len() / 2];
        assert!(
            (median - self.interval_ns).abs() * 100 <= self.interval_ns,
            "half of the {} intervals are longer than {median} ns, and {} were asked for",
            steps.len(),
            self.interval_ns
        );
        median as f64 / 1e6
    }

    /// [`assert_balanced`] of the samples from `from` until before `to`, by wall time.
    pub fn assert_balanced(&self, from: i64, to: i64) -> String {
        let gaps = self.gaps(from, to);
        let gaps: Vec<_> = gaps.into_iter().map(|gap| (gap.from, gap.to, gap.gap)).collect();
        assert_balanced(&self.times(from, to), &gaps, self.interval_ns)
    }

    /// Each counter only grows along time, and idle, iowait and busy time together are the time
    /// that passed, within a tick, at every sample.
    pub fn assert_sums(&self, from: i64, to: i64, tick_ns: i64) {
        let idle = [counter("idle_ns"), counter("iowait_ns"), counter("busy_ns")];
        for (cpu, rows) in &self.by_cpu {
            let mut rows = rows.range(from..to);
            let Some(first) = rows.next() else { continue };
            let mut before = first;
            for row in rows {
                for (at, name) in COUNTERS.iter().enumerate() {
                    let (was, is) = (before.1[at], row.1[at]);
                    assert!(is >= was, "{name} of CPU {cpu} fell from {was} to {is} at {}", row.0);
                }
                let told: i64 = idle.map(|at| (row.1[at] - first.1[at]).cast_signed()).iter().sum();
                let elapsed = row.0 - first.0;
                assert!(
                    (told - elapsed).abs() <= tick_ns,
                    "after {elapsed} ns CPU {cpu} was idle, waiting and busy for {told} ns in all"
                );
                before = row;
            }
        }
    }
}

/// Every deadline has its sample or is counted in a gap. The account begins and ends with samples
/// that were taken in time and not within a gap (a gap that is scattered has samples in between),
/// because only of these it is known which deadline they have. Gaps are given with their start and
/// end by the clock that `times` are of.
pub fn assert_balanced(times: &[i64], all: &[(i64, i64, Gap)], interval_ns: i64) -> String {
    let in_time = |three: &[i64]| {
        let near = |step: i64| (step - interval_ns).abs() <= interval_ns / 10;
        near(three[1] - three[0])
            && near(three[2] - three[1])
            && !all.iter().any(|(from, to, _)| *from < three[1] && three[1] < *to)
    };
    let first = times.windows(3).position(in_time).expect("some sample is taken in time") + 1;
    let last = times.windows(3).rposition(in_time).expect("some sample is taken in time") + 1;
    let (from, to) = (times[first], times[last]);
    let due = (to - from + interval_ns / 2) / interval_ns + 1;
    let stored = (last - first + 1) as i64;
    let touch = |(begin, end, _): &&(i64, i64, Gap)| *end > from && *begin < to;
    let gaps: Vec<&Gap> = all.iter().filter(touch).map(|(.., gap)| gap).collect();
    let lost: i64 = gaps.iter().map(|gap| gap.lost.cast_signed()).sum();
    let told = format!("{due} were due, {stored} are stored, {lost} are in {} gaps", gaps.len());
    let known =
        |gap: &&&Gap| matches!(gap.cause, GapCause::Late | GapCause::Overrun | GapCause::Suspended);
    let strange: Vec<_> = gaps.iter().filter(|gap| !known(gap)).collect();
    assert!(strange.is_empty(), "nobody disturbed it, and yet: {strange:#?} ({told})");
    assert_eq!(due, stored + lost, "the samples of cpu do not balance: {told}; {gaps:#?}");
    told
}
