//! All parts of a portrait, and what is missing of it.

use super::ask::Asker;
use super::blocked::{Blocked, blocked};
use super::connections::{Connections, connections};
use super::descriptors::{Descriptors, descriptors};
use super::input::{self, SlowIo, slow_io};
use super::memory::{Memory, memory};
use super::profile::{Work, work};
use super::sheet::Sheet;
use super::signals::{OutOfMemory, Signals, out_of_memory, signals};
use super::subject::Subject;
use super::told::instant;
use super::usage::{Usage, usage};
use super::waits::{Waits, waits};
use super::who::{Identity, identity};
use crate::error::QueryError;
use crate::gaps::{self, ReportedGap};
use crate::listing::show_many;
use crate::span::Span;
use crate::time::{Stamp, show_instant, show_precise};
use jiff::tz::TimeZone;
use nodemon_formats::units::show_duration;
use serde_json::{Value, json};

/// The tables that a portrait is made of.
const TABLES: [&str; 11] = [
    "process",
    "process_event",
    "stack_cpu",
    "stack_wait",
    "thread_active",
    "file_descriptor",
    "tcp_connection",
    "tcp_close",
    "slow_io",
    "signal",
    "oom_kill",
];
/// So many gaps are told at most.
const GAPS: usize = 5;

/// All that is known of a process.
pub struct Portrait {
    host: String,
    span: Span,
    identity: Identity,
    usage: Option<Usage>,
    work: Option<Work>,
    waits: Option<Waits>,
    blocked: Option<Blocked>,
    memory: Option<Memory>,
    slow_io: Option<SlowIo>,
    descriptors: Option<Descriptors>,
    connections: Option<Connections>,
    signals: Option<Signals>,
    out_of_memory: Option<OutOfMemory>,
    gaps: Vec<ReportedGap>,
    missing: Vec<&'static str>,
    coarse_until: Option<i64>,
}

/// Gathers all parts.
///
/// # Errors
/// When the recording cannot be read, or a signal asks to stop.
pub fn portrait(
    asker: &mut Asker<'_>,
    subject: &Subject,
    span: Span,
) -> Result<Portrait, QueryError> {
    let recording = &asker.context.recording;
    let missing = TABLES.into_iter().filter(|table| recording.schema(table).is_none()).collect();
    let host = recording.host().to_owned();
    let identity = identity(asker, subject)?;
    let mut portrait = Portrait {
        host,
        span,
        usage: usage(asker, subject, &identity)?,
        identity,
        work: work(asker, subject)?,
        waits: waits(asker, subject)?,
        blocked: blocked(asker, subject)?,
        memory: memory(asker, subject)?,
        slow_io: slow_io(asker, subject)?,
        descriptors: descriptors(asker, subject)?,
        connections: connections(asker, subject)?,
        signals: signals(asker, subject)?,
        out_of_memory: out_of_memory(asker, subject)?,
        gaps: Vec::new(),
        missing,
        coarse_until: asker.coarse_until,
    };
    portrait.coarse_until = asker.coarse_until;
    portrait.gaps = gaps_of(asker, &span)?;
    Ok(portrait)
}

/// The gaps in a span of the tables that were used.
fn gaps_of(asker: &Asker<'_>, span: &Span) -> Result<Vec<ReportedGap>, QueryError> {
    let mut found = gaps::all(&asker.context.recording)?;
    found.retain(|gap| {
        let table = gap.gap.table.as_str();
        let is_used = table.is_empty() || asker.used.contains(table);
        let is_in_span = gap.from < span.to && gap.to >= span.from;
        is_used && is_in_span && gaps::is_worth_a_line(gap, span.from)
    });
    Ok(gaps::reported(found))
}

fn joined(names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

impl Portrait {
    /// The page.
    pub fn write(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        sheet.part(&format!("{}, on {}", self.identity.title(), self.host));
        let (from, to) = (show_precise(self.span.from, zone), show_precise(self.span.to, zone));
        sheet.note(&format!("{from} .. {to} {}", Stamp::from_ns(self.span.from, zone).zone()));
        self.identity.write(sheet, zone);
        let usage = self.usage.as_ref();
        if self.usage.is_some() || self.work.is_some() {
            sheet.part("CPU");
            self.usage.iter().for_each(|usage| usage.write(sheet, zone));
            self.work.iter().for_each(|work| work.write(sheet));
        }
        if self.waits.is_some() || self.blocked.is_some() {
            sheet.part("waits");
            self.waits.iter().for_each(|waits| waits.write(sheet));
            self.blocked.iter().for_each(|blocked| blocked.write(sheet));
        }
        if let Some(memory) = &self.memory {
            sheet.part("memory");
            memory.write(usage, sheet);
        }
        let has_io = usage.is_some() || self.slow_io.is_some();
        if has_io || self.descriptors.is_some() || self.connections.is_some() {
            sheet.part("I/O");
            input::write(usage, self.slow_io.as_ref(), sheet);
            self.descriptors.iter().for_each(|descriptors| descriptors.write(sheet));
            self.connections.iter().for_each(|connections| connections.write(sheet));
        }
        if self.signals.is_some() || self.out_of_memory.is_some() {
            sheet.part("signals");
            self.signals.iter().for_each(|signals| signals.write(sheet, zone));
            self.out_of_memory.iter().for_each(|killed| killed.write(sheet, zone));
        }
        sheet.part("missing");
        self.write_missing(sheet, zone);
    }

    /// The tables of samples that have rows, and none of it.
    fn silent(&self) -> Vec<&'static str> {
        let told =
            [("process", self.usage.is_some()), ("file_descriptor", self.descriptors.is_some())];
        let silent = told.into_iter().filter(|(_, is_told)| !is_told).map(|(table, _)| table);
        silent.filter(|table| !self.missing.contains(table)).collect()
    }

    fn write_missing(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        sheet.known("no rows of", joined(&self.missing));
        sheet.known("nothing of it", joined(&self.silent()));
        if let Some(until) = self.coarse_until {
            let until = show_instant(until, zone);
            sheet.fact("detail", &format!("before {until} only downsampled data is left"));
        }
        if self.gaps.is_empty() {
            sheet.fact("gaps", "none");
            return;
        }
        sheet.fact("gaps", &show_many(self.gaps.len() as u64, "gap"));
        for gap in self.gaps.iter().take(GAPS) {
            let from = show_precise(gap.missing.from, zone);
            let lasted = show_duration(gap.missing.to.saturating_sub(gap.missing.from));
            let (tables, why) = (gap.tables(), gap.why());
            sheet.fact("", &format!("{from} for {lasted}, {tables}: {why}"));
        }
        sheet.more(self.gaps.len() as u64, self.gaps.len().min(GAPS), "gap");
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let usage = self.usage.as_ref();
        let gaps = self.gaps.iter().map(|gap| {
            json!({
                "tables": gap.tables,
                "from": instant(gap.missing.from),
                "to": instant(gap.missing.to),
                "cause": gap.missing.cause.phrase(),
                "lost": gap.missing.lost,
                "detail": gap.missing.detail,
            })
        });
        json!({
            "host": self.host,
            "from": instant(self.span.from),
            "to": instant(self.span.to),
            "who": self.identity.json(),
            "cpu": usage.map(Usage::json),
            "stack_cpu": self.work.as_ref().map(Work::json),
            "stack_wait": self.waits.as_ref().map(Waits::json),
            "thread_active": self.blocked.as_ref().map(Blocked::json),
            "memory": self.memory.as_ref().map(|memory| memory.json(usage)),
            "io": input::json(usage, self.slow_io.as_ref()),
            "file_descriptor": self.descriptors.as_ref().map(Descriptors::json),
            "tcp": self.connections.as_ref().map(Connections::json),
            "signal": self.signals.as_ref().map(Signals::json),
            "oom_kill": self.out_of_memory.as_ref().map(OutOfMemory::json),
            "coarse_until": self.coarse_until.map(instant),
            "missing_tables": self.missing,
            "silent_tables": self.silent(),
            "gaps": gaps.collect::<Vec<_>>(),
        })
    }
}
