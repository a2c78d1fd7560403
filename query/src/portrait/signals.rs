//! Signals that it sent and got, and whether the kernel killed it for memory.

use super::ask::{Asker, Wanted, is};
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use super::told::instant;
use super::tops::Tops;
use crate::error::QueryError;
use crate::listing::{show_count, show_many};
use crate::time::show_precise;
use jiff::tz::TimeZone;
use nodemon_formats::units::show_size;
use serde_json::{Value, json};

/// A signal, and the process on its other side.
type Signal = (String, u64, String);

/// Signals.
pub struct Signals {
    got: Tops<Signal>,
    sent: Tops<Signal>,
}

/// Reads its signals; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read.
pub fn signals(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<Signals>, QueryError> {
    let mut found = Signals { got: Tops::new(), sent: Tops::new() };
    let mut wanted = Wanted {
        table: "signal",
        columns: &["pid", "command", "signal", "target_pid", "target_command"],
        filters: vec![is("target_pid", subject.life.pid)],
        span: subject.window,
        step: None,
    };
    let mut read = |wanted: &Wanted<'_>, into: &mut Tops<Signal>, pid, command| {
        asker.ask(wanted, &mut |row| {
            let text = |name| row.text(name).unwrap_or_default();
            let signal = (text("signal"), row.integer(pid).unwrap_or(0), text(command));
            into.add(signal, 1, row.time());
        })
    };
    let got = read(&wanted, &mut found.got, "pid", "command")?;
    wanted.filters = subject.rows();
    let sent = read(&wanted, &mut found.sent, "target_pid", "target_command")?;
    Ok(got.or(sent).map(|_| found))
}

impl Signals {
    /// They on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        for (name, tops, side) in [("got", &self.got, "from"), ("sent", &self.sent, "to")] {
            let top = tops.take(MOST);
            if top.is_empty() {
                sheet.fact(name, "no signal");
                continue;
            }
            sheet.fact(name, &show_many(tops.count, "signal"));
            for ((signal, pid, command), sum) in &top {
                let figures = format!("{:>5} {signal}", show_count(sum.count));
                let last = show_precise(sum.last, zone);
                sheet.item(&figures, &format!("{side} {command} ({pid}), last at {last}"));
            }
            sheet.more(tops.names(), top.len(), "kind");
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let told = |tops: &Tops<Signal>| {
            let top = tops.take(MOST).into_iter().map(|((signal, pid, command), sum)| {
                json!({
                    "signal": signal, "pid": pid, "command": command, "count": sum.count,
                    "last": instant(sum.last),
                })
            });
            top.collect::<Vec<_>>()
        };
        json!({ "got": told(&self.got), "sent": told(&self.sent) })
    }
}

/// That it was killed, or was why.
#[derive(Debug, Default)]
pub struct OutOfMemory {
    /// When it was killed, and what it held, bytes.
    killed: Option<(i64, Option<u64>)>,
    /// How often another was killed when it asked for memory.
    asked: u64,
}

/// Reads whether it was killed for memory; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read.
pub fn out_of_memory(
    asker: &mut Asker<'_>,
    subject: &Subject,
) -> Result<Option<OutOfMemory>, QueryError> {
    let pid = subject.life.pid;
    let mut found = OutOfMemory::default();
    let mut wanted = Wanted {
        table: "oom_kill",
        columns: &["pid", "victim_pid", "victim_anonymous_bytes"],
        filters: vec![is("victim_pid", pid)],
        span: subject.window,
        step: None,
    };
    let killed = asker.ask(&wanted, &mut |row| {
        found.killed = Some((row.time(), row.integer("victim_anonymous_bytes")));
    })?;
    wanted.filters = subject.rows();
    let asked = asker.ask(&wanted, &mut |row| {
        found.asked += u64::from(row.integer("victim_pid") != Some(pid));
    })?;
    Ok(killed.or(asked).map(|_| found))
}

impl OutOfMemory {
    /// It on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>, zone: &TimeZone) {
        let killed = self.killed.map(|(at, bytes)| {
            let held = bytes.map_or(String::new(), |b| format!(", it held {}", show_size(b)));
            format!("killed at {}{held}", show_precise(at, zone))
        });
        let asked = (self.asked > 0)
            .then(|| format!("{} killed when it asked for memory", show_many(self.asked, "other")));
        let told: Vec<String> = [killed, asked].into_iter().flatten().collect();
        let told = if told.is_empty() { "not killed".to_owned() } else { told.join("; ") };
        sheet.fact("out of memory", &told);
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "killed": self.killed.map(|(at, _)| instant(at)),
            "held_anonymous_bytes": self.killed.and_then(|(_, bytes)| bytes),
            "others_killed": self.asked,
        })
    }
}
