//! Programs in the kernel: each feature of the crate of eBPF programs is a source.
//!
//! The kernel counts, times and notices; this drains what it has: maps and iterators as samples at
//! the cadence of the source, rings as events four times a second. What did not fit into a map or a
//! ring, or was beyond the budget of events, is a gap with its count.

mod held;
mod histograms;
mod pace;
mod probed;
mod resolved_filter;
mod rows;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod unwinding;

use crate::programs::Registered;
use crate::redact::Redactor;
use crate::source::{Context, Descriptor, Feeding, Sink, Source, SourceError, SourceKind};
use held::Held;
use histograms::Histograms;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::{GapCause, Schema};
use nodemon_recorder_ebpf::FeatureError;
use nodemon_recorder_ebpf::feature::{Attach, FEATURES, Feature, Show, Table};
use nodemon_recorder_ebpf::load::Running;
use nodemon_recorder_ebpf::names::Names;
use pace::{Due, Pace};
use probed::Functions;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;
use unwinding::Unwinding;

/// New interfaces are looked for this often; what they carry before is not counted.
const INTERFACES_EVERY: Duration = Duration::from_millis(500);
/// Rings are emptied this often: what was in one when the recorder is killed is gone, and with the
/// time until the next commit that must stay below a second.
const EVENTS_EVERY: Duration = Duration::from_millis(250);
/// What is not freed when it is so old is told, unless the configuration says otherwise.
const MIN_AGE: Duration = Duration::from_secs(10);
/// Names of devices and interfaces are asked for anew after so many calls.
const NAMES_LAST: u32 = 60;

/// A descriptor for each feature. They live as long as the process.
pub fn descriptors() -> impl Iterator<Item = &'static Descriptor> {
    let of_features = FEATURES.iter().map(|feature| -> &'static Descriptor {
        let feature: &'static Feature = feature;
        Box::leak(Box::new(Descriptor {
            name: feature.name,
            reads: feature.reads,
            default_interval: Duration::from_millis(feature.default_interval_ms),
            default_on: feature.default_on,
            kind: kind_of(feature),
            tables: Box::leak(Box::new(move || schema::tables(feature, 0))),
            described: None,
            open: Box::leak(Box::new(move |context: &Context| {
                Ok(Box::new(Ebpf::open(feature, context)?) as Box<dyn Source>)
            })),
        }))
    });
    of_features.map(resolved_filter::watched)
}

fn kind_of(feature: &Feature) -> SourceKind {
    let mut attach_points = feature.hooks.iter().flat_map(|hook| hook.attach_points);
    SourceKind::Ebpf {
        on_interfaces: attach_points.any(|way| matches!(way, Attach::Packets(..))),
        reads_processes: feature.tables.iter().any(samples_stacks),
    }
}

/// Whether a table has stacks of whatever runs or waits, those of user space too.
fn samples_stacks(table: &Table) -> bool {
    table.is_of_events() && table.values.iter().any(|column| matches!(column.show, Show::Stack(_)))
}

/// A feature that runs.
struct Ebpf {
    feature: &'static Feature,
    running: Running,
    tables: Vec<Schema>,
    histograms: Vec<Histograms>,
    held: Option<Held>,
    names: Names,
    text: Vec<u8>,
    unwinding: Unwinding,
    redactor: Redactor,
    functions: Functions,
    seen: HashSet<u64>,
    every: Duration,
    /// Of one that is called more often than it is sampled: when the samples are due.
    pace: Option<Pace>,
    calls: u32,
    /// When losses were asked for last.
    asked_ns: u64,
    _registered: Registered,
}

impl Ebpf {
    fn open(feature: &'static Feature, context: &Context) -> Result<Ebpf, SourceError> {
        let functions = Functions::find(feature, context)?;
        let settings = settings::for_feature(feature, &context.asked, &functions)?;
        let mut running = Running::start_unless(&context.is_ending, feature, &settings)
            .map_err(|why| refused(feature, why))?;
        let interval = context.asked.interval;
        let mut names = Names::default();
        if feature.tables.iter().any(samples_stacks) {
            names.keep_functions();
        }
        names.set_probed(functions.names());
        let has_events = feature.tables.iter().any(Table::is_of_events);
        let pressing = match running.follows_interfaces() {
            _ if has_events => Some(EVENTS_EVERY),
            true => Some(INTERFACES_EVERY),
            false => None,
        };
        let min_age_ns = duration_ns(context.asked.filters.min_age.unwrap_or(MIN_AGE));
        let live = running.take_live();
        Ok(Ebpf {
            feature,
            held: live.map(|live| Held::new(live, min_age_ns, &context.proc, settings.filter.pid)),
            tables: schema::tables(feature, duration_ns(interval)),
            histograms: feature
                .tables
                .iter()
                .map(|table| Histograms::new(!table.keys.is_empty()))
                .collect(),
            names,
            text: Vec::new(),
            unwinding: Unwinding::new(&context.proc),
            redactor: Redactor::new(&context.asked.arguments),
            functions,
            seen: HashSet::new(),
            every: pressing.map_or(interval, |every| every.min(interval)),
            pace: (pressing.is_some() && !feature.is_of_events()).then(|| Pace::new(interval)),
            calls: 0,
            asked_ns: boottime_ns(),
            _registered: context.programs.register(feature.name, running.programs()),
            running,
        })
    }

    /// Turns what was lost in the kernel into gaps of the tables that lost it.
    fn report_losses(&mut self, sink: &mut Sink) {
        let (from_ns, to_ns) = (self.asked_ns, boottime_ns());
        self.asked_ns = to_ns;
        let lost = self.running.take_losses();
        let dropped = self.held.as_mut().map_or(0, Held::take_dropped);
        let full = match self.feature.looks_at_functions() {
            true => "calls within too many others, or more functions than its map has room for",
            false => "a map in the kernel was full",
        };
        let lost_in_map = if self.held.is_some() { lost.map_full } else { 0 };
        for (table, of) in self.feature.tables.iter().enumerate() {
            let told: &[_] = match of.is_of_events() {
                true => &[
                    (GapCause::Budget, lost.suppressed, ""),
                    (GapCause::Budget, lost.suppressed_precious, self.feature.precious),
                    (GapCause::Overrun, lost.ring_full, "the ring of events was full"),
                    (GapCause::Overrun, lost_in_map, full),
                    (GapCause::Overrun, dropped, "too many were waiting to be told"),
                ],
                false => &[(GapCause::Overrun, lost.map_full, full)],
            };
            for &(cause, lost, detail) in told {
                if lost > 0 {
                    sink.lose(table, cause, (from_ns, to_ns), lost, detail);
                }
            }
        }
    }
}

impl Source for Ebpf {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        self.functions.check()?;
        self.running.follow_interfaces(&mut self.names);
        self.running.follow_cpus();
        self.calls += 1;
        if self.calls.is_multiple_of(NAMES_LAST) {
            self.names.forget();
        }
        let due = self.pace.as_mut().map_or(Due { is_now: true, missed: 0 }, Pace::poll);
        let since_ns = self.asked_ns;
        let mut has_more = self.running.has_more_interfaces();
        let tables = self.feature.tables.iter().zip(self.running.readers());
        for (at, ((table, reader), histograms)) in tables.zip(&mut self.histograms).enumerate() {
            if !table.is_of_events() {
                if !due.is_now {
                    continue;
                }
                if due.missed > 0 {
                    let span = (since_ns, boottime_ns());
                    sink.lose(at, GapCause::Late, span, due.missed, "");
                }
            }
            let clock = sink.clock();
            let mut encoder = rows::RowEncoder {
                table,
                layout: reader.layout.clone(),
                names: &mut self.names,
                text: &mut self.text,
                unwinding: &mut self.unwinding,
                redactor: &mut self.redactor,
                builder: sink.table(at),
                rows: 0,
                seen: &mut self.seen,
            };
            // A read that fails half way is no sample: what it had of histograms is in the next one.
            let read = if table.is_of_histograms() {
                let key_bytes = encoder.layout.key_bytes;
                let read = reader.buckets(|keys, bucket, count| {
                    histograms.take(&keys[..key_bytes.min(keys.len())], bucket, count);
                });
                if read.is_ok() {
                    encoder.begin_sample(clock.time_ns());
                    histograms.each(|keys, histogram| encoder.histogram(keys, histogram));
                    encoder.end_sample();
                    if reader.is_crowded() {
                        histograms.forget_idle(|keys, bucket| reader.take_bucket(keys, bucket));
                    }
                }
                read
            } else if let Some(held) = &mut self.held {
                let read = reader.rows(|row| held.take(&row, &mut encoder));
                has_more |= reader.has_more();
                held.tell(&mut encoder);
                read
            } else if table.is_of_events() {
                let read = reader.rows(|row| encoder.event(&row));
                has_more |= reader.has_more();
                read
            } else {
                encoder.begin_sample(clock.time_ns());
                let read = reader.rows(|row| encoder.row(&row));
                match &read {
                    Ok(()) => encoder.end_sample(),
                    Err(_) => encoder.builder.abandon_sample(),
                }
                read
            };
            read.map_err(|source| SourceError::Read { path: PathBuf::from(table.name), source })?;
        }
        if due.is_now {
            self.running.forget_gone_interfaces(&mut self.names);
        }
        if has_more {
            sink.set_more();
        }
        self.names.settle();
        self.unwinding.settle();
        self.report_losses(sink);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        let without = |missing: &String| format!("some of it is missing: {missing}");
        self.running.missing().iter().chain(self.functions.missing()).map(without).collect()
    }

    fn details(&self) -> Vec<String> {
        self.functions.told()
    }

    fn feeding(&self) -> Option<Feeding> {
        // Deadlines are those of samples; a source with events is called more often.
        let drains = self.feature.is_of_events() || self.pace.is_some();
        Some(Feeding { tables: self.tables.clone(), every: self.every, drains })
    }
}

/// What this kernel lacks is no failure, and neither is what this process may not do.
fn refused(feature: &Feature, why: FeatureError) -> SourceError {
    match why {
        FeatureError::Ending => SourceError::Ending,
        FeatureError::NotPermitted(_) if probed::has_given_up(feature) => {
            probed::not_again(feature)
        }
        why => {
            let what = format!("eBPF {}", feature.name);
            SourceError::Unavailable { what, why: why.to_string() }
        }
    }
}
