//! Fed from `/proc`, as often as it may cost.

use super::softirqs::Softirqs;
use super::stat::{Stat, tick_ns};
use super::tables::{PROC_HAS, Shape, tables};
use crate::source::{Context, Feeding, Sink, Source, SourceError};
use nodemon_formats::Schema;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::units::exact_duration;
use std::time::{Duration, Instant};

/// What reading may cost, in parts of one CPU: 0.3 %.
const BUDGET_PARTS: u32 = 333;
/// What it costs to wake for a sample, beside the sample. Measured: docs/journal.md.
const WAKE: Duration = Duration::from_micros(30);
/// Samples that are taken to see what one costs.
const TRIALS: u32 = 8;

/// `/proc/stat` and `/proc/softirqs`.
pub struct Polled {
    stat: Stat,
    softirqs: Softirqs,
    interval: Duration,
    tables: Vec<Schema>,
    notes: Vec<String>,
}

impl Polled {
    /// Opens both files. `why_not` says why it is not fed by something better, a sentence each;
    /// without one `/proc` is what was asked for.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(context: &Context, why_not: Vec<String>) -> Result<Polled, SourceError> {
        let (mut stat, mut softirqs) = (Stat::open(context)?, Softirqs::open(context)?);
        let asked = context.asked.interval;
        let mut notes = why_not;
        let interval = if notes.is_empty() {
            asked
        } else {
            let interval = asked.max(affordable(cost(&mut stat, &mut softirqs)?));
            if interval > asked {
                notes.push(format!(
                    "/proc is read every {} instead of every {}: more often would cost more than \
                     0.3 % of a CPU; the key feed = \"proc\" reads as often as it is told",
                    exact_duration(interval),
                    exact_duration(asked),
                ));
            }
            interval
        };
        let tables = tables(shape(interval), &notes);
        Ok(Polled { stat, softirqs, interval, tables, notes })
    }
}

fn shape(interval: Duration) -> Shape<'static> {
    Shape {
        source: "/proc/stat and /proc/softirqs",
        present: PROC_HAS,
        idle_quantum_ns: tick_ns(),
        state_quantum_ns: tick_ns(),
        interval_ns: duration_ns(interval),
    }
}

/// What a sample costs here.
fn cost(stat: &mut Stat, softirqs: &mut Softirqs) -> Result<Duration, SourceError> {
    let [mut cpus, mut counts] =
        [0, 1].map(|table| RecordBuilder::new(&tables(shape(Duration::ZERO), &[])[table]));
    let mut begun = Instant::now();
    for trial in 0..=TRIALS {
        if trial == 1 {
            // The first one filled buffers and caches.
            begun = Instant::now();
        }
        stat.sample(&mut cpus, || 0)?;
        softirqs.sample(&mut counts, || 0)?;
    }
    Ok(begun.elapsed() / TRIALS)
}

/// The shortest interval at which samples of this cost stay within the budget: 1, 2 or 5 times a
/// power of ten, so that it does not differ from start to start.
fn affordable(cost: Duration) -> Duration {
    let least = (cost + WAKE) * BUDGET_PARTS;
    let mut step = Duration::from_millis(1);
    loop {
        for factor in [1, 2, 5] {
            if step * factor >= least {
                return step * factor;
            }
        }
        step *= 10;
    }
}

impl Source for Polled {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let clock = sink.clock();
        self.stat.sample(sink.table(0), || clock.time_ns())?;
        self.softirqs.sample(sink.table(1), || clock.time_ns())
    }

    fn limits(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.softirqs.limits()).collect()
    }

    fn feeding(&self) -> Option<Feeding> {
        Some(Feeding { tables: self.tables.clone(), every: self.interval, drains: false })
    }
}

#[cfg(test)]
mod tests {
    use super::affordable;
    use std::time::Duration;

    #[test]
    fn the_cadence_of_proc_grows_with_what_a_sample_costs() {
        let micros = |micros| affordable(Duration::from_micros(micros));
        assert_eq!(micros(25), Duration::from_millis(20));
        assert_eq!(micros(300), Duration::from_millis(200));
        assert!(micros(3_000) == Duration::from_secs(2) && micros(0) == Duration::from_millis(10));
    }
}
