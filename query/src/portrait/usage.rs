//! What it used: the growth of the counters of `process`.

use super::ask::{Asker, Wanted, whole};
use super::sheet::Sheet;
use super::subject::Subject;
use super::told::{instant, of_one_cpu, over};
use super::who::Identity;
use crate::error::QueryError;
use crate::listing::show_count;
use crate::question::{Aggregate, Step};
use crate::stacks::seconds;
use crate::time::{Stamp, show_instant};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The counters.
const COUNTERS: [&str; 16] = [
    "cpu_ns",
    "user_ns",
    "system_ns",
    "run_delay_ns",
    "io_delay_ns",
    "voluntary_switches",
    "involuntary_switches",
    "minor_faults",
    "major_faults",
    "read_bytes",
    "write_bytes",
    "cancelled_write_bytes",
    "read_chars",
    "write_chars",
    "read_calls",
    "write_calls",
];
const SECOND_NS: i64 = 1_000_000_000;

/// What it used in the span.
#[derive(Debug, Default)]
pub struct Usage {
    /// By how much each counter grew, and how fast.
    grown: [(Option<u64>, Option<f64>); COUNTERS.len()],
    threads: Option<u64>,
    /// CPU time a second, ns, of its life where that began in the span, else of the span.
    share: Option<f64>,
    /// The second with most CPU time, and how much a second that was, ns.
    busiest: Option<(i64, f64)>,
}

/// Adds up what it used; `None` where there is no sample of it.
///
/// # Errors
/// When the recording cannot be read.
pub fn usage(
    asker: &mut Asker<'_>,
    subject: &Subject,
    who: &Identity,
) -> Result<Option<Usage>, QueryError> {
    let mut usage = Usage::default();
    let mut rows = 0;
    let mut wanted = Wanted {
        table: "process",
        columns: &COUNTERS,
        filters: subject.sampled(),
        span: subject.window,
        step: Some((true, whole(subject.window), &[Aggregate::Sum, Aggregate::Avg])),
    };
    asker.ask(&wanted, &mut |row| {
        rows += 1;
        for (grown, name) in usage.grown.iter_mut().zip(COUNTERS) {
            let sum = row.integer(&format!("{name}_sum"));
            let per_s = row.number(&format!("{name}_per_s_avg"));
            *grown = (sum.or(grown.0), per_s.or(grown.1));
        }
    })?;
    // Growth since the sample before it began is spread over all of that time.
    let began = who.start().is_some_and(|start| start >= subject.window.0);
    let of_life = usage.sum("cpu_ns").zip(who.sampled_ns().filter(|_| began));
    let of_life = of_life.map(|(cpu, ns)| cpu as f64 * 1e9 / ns as f64);
    usage.share = of_life.or(usage.per_s("cpu_ns"));
    wanted.columns = &["threads"];
    wanted.step = Some((false, whole(subject.window), &[Aggregate::Max]));
    asker.ask(&wanted, &mut |row| usage.threads = row.integer("threads_max").max(usage.threads))?;
    // Seconds begin when clocks on the wall show whole ones.
    let offset = Stamp::from_ns(subject.window.0, &asker.context.anchors.zone).offset;
    let step = Step { origin: -i64::from(offset.seconds()) * SECOND_NS, length: SECOND_NS };
    wanted.columns = &["cpu_ns"];
    wanted.step = Some((true, step, &[Aggregate::Avg]));
    asker.ask(&wanted, &mut |row| {
        let rate = row.number("cpu_ns_per_s_avg");
        if let Some(rate) = rate.filter(|rate| usage.busiest.is_none_or(|(_, most)| *rate > most)) {
            usage.busiest = Some((row.time(), rate));
        }
    })?;
    Ok((rows > 0).then_some(usage))
}

impl Usage {
    /// By how much a counter grew.
    pub fn sum(&self, name: &str) -> Option<u64> {
        self.of(name)?.0
    }

    fn per_s(&self, name: &str) -> Option<f64> {
        self.of(name)?.1
    }

    fn of(&self, name: &str) -> Option<(Option<u64>, Option<f64>)> {
        self.grown.get(COUNTERS.iter().position(|known| *known == name)?).copied()
    }

    /// Its CPU time on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        let time = self.sum("cpu_ns").map(|ns| format!("{} s", seconds(ns)));
        let split = self.sum("user_ns").zip(self.sum("system_ns")).map(|(user, system)| {
            format!(
                "; by ticks {} s in user code, {} s in the kernel",
                seconds(user),
                seconds(system)
            )
        });
        sheet.known("time", time.map(|time| format!("{time}{}", split.unwrap_or_default())));
        sheet.known("share", self.share.map(of_one_cpu));
        let busiest = self.busiest.filter(|(_, rate)| *rate > 0.0);
        let busiest = busiest
            .map(|(at, rate)| format!("at {}, {}", show_instant(at, zone), of_one_cpu(rate)));
        sheet.known("busiest second", busiest);
        let delay = self.sum("run_delay_ns").map(|ns| format!("{} for a CPU", over(ns)));
        sheet.known("ready, waited", delay);
        let switches = self.sum("voluntary_switches").zip(self.sum("involuntary_switches"));
        let switches = switches.map(|(own, taken)| {
            format!("{} voluntary, {} involuntary", show_count(own), show_count(taken))
        });
        sheet.known("switches", switches);
        sheet.known("threads", self.threads.map(|most| format!("{} at most", show_count(most))));
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "cpu_ns": self.sum("cpu_ns"),
            "user_ns": self.sum("user_ns"),
            "system_ns": self.sum("system_ns"),
            "cpu_ns_per_s": self.per_s("cpu_ns"),
            "percent_of_one_cpu": self.share.map(|ns_per_s| ns_per_s / 1e7),
            "run_delay_ns": self.sum("run_delay_ns"),
            "voluntary_switches": self.sum("voluntary_switches"),
            "involuntary_switches": self.sum("involuntary_switches"),
            "threads_max": self.threads,
            "busiest_second": self.busiest.map(|(at, rate)| json!({
                "time": instant(at), "percent_of_one_cpu": rate / 1e7,
            })),
        })
    }
}
