//! Which processes may be meant.

use super::ask::{Asker, Wanted, by_the_hour, is, is_text};
use super::clock;
use super::life::{Life, Lives};
use super::name::{Who, short};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::question::Aggregate;
use std::collections::HashMap;

/// The lives in a span of what is meant.
///
/// # Errors
/// When the recording cannot be read.
pub fn find(asker: &mut Asker<'_>, who: &Who, span: (i64, i64)) -> Result<Lives, QueryError> {
    let mut lives = Lives::default();
    of_samples(asker, who, span, &mut lives)?;
    of_events(asker, who, span, &mut lives)?;
    if lives.all().is_empty() {
        for (table, weight) in
            [("stack_cpu", "weight_ns"), ("thread_active", ""), ("stack_wait", "")]
        {
            of_rows(asker, who, (table, weight), span, &mut lives)?;
        }
    }
    lives.sort();
    Ok(lives)
}

fn of_samples(
    asker: &mut Asker<'_>,
    who: &Who,
    span: (i64, i64),
    lives: &mut Lives,
) -> Result<(), QueryError> {
    let step = by_the_hour(span);
    let filters = match who {
        Who::Pid(pid) => vec![is("pid", *pid)],
        Who::Name(_) => Vec::new(),
    };
    let wanted = Wanted {
        table: "process",
        columns: &["command", "cmdline", "cpu_ns"],
        filters,
        span,
        step: Some((true, step, &[Aggregate::Sum])),
    };
    asker.ask(&wanted, &mut |row| {
        let command = row.text("command_last").unwrap_or_default();
        let cmdline = row.text("cmdline_last").unwrap_or_default();
        let Some(pid) = row.integer("pid") else { return };
        if who.is(pid, &command, &cmdline) {
            let end = row.time().saturating_add(step.length).min(span.1);
            lives.sampled(Life {
                pid,
                start_ns: row.integer("start_ns"),
                seen: (row.time(), end),
                command,
                cmdline,
                cpu_ns: row.integer("cpu_ns_sum").unwrap_or(0),
                ..Life::default()
            });
        }
    })?;
    set_starts(asker, lives, step.length)
}

/// Tells when they started, by the clocks of the time when they were seen last.
fn set_starts(asker: &Asker<'_>, lives: &mut Lives, piece_ns: i64) -> Result<(), QueryError> {
    let mut offsets: HashMap<i64, Option<i64>> = HashMap::new();
    for life in lives.all_mut() {
        let to = life.seen.1;
        let offset = match offsets.get(&to) {
            Some(offset) => *offset,
            None => {
                let found = clock::offset(asker, "process", (to.saturating_sub(piece_ns), to))?;
                offsets.insert(to, found);
                found
            }
        };
        let start_ns = life.start_ns.and_then(|ns| i64::try_from(ns).ok());
        life.start = offset.zip(start_ns).map(|(offset, ns)| offset.saturating_add(ns));
    }
    Ok(())
}

fn of_events(
    asker: &mut Asker<'_>,
    who: &Who,
    span: (i64, i64),
    lives: &mut Lives,
) -> Result<(), QueryError> {
    let wanted = Wanted {
        table: "process_event",
        columns: &["pid", "command", "lived_ns", "cpu_ns", "arguments"],
        filters: vec![meant(who)],
        span,
        step: None,
    };
    asker.ask(&wanted, &mut |row| {
        let Some(pid) = row.integer("pid") else { return };
        let life = Life {
            pid,
            seen: (row.time(), span.1),
            command: row.text("command").unwrap_or_default(),
            cmdline: row.text("arguments").unwrap_or_default(),
            ..Life::default()
        };
        if row.text("event").as_deref() != Some("exit") {
            lives.glimpsed(life);
            return;
        }
        let lived = row.integer("lived_ns");
        let start = lived.map(|lived| row.time().saturating_sub_unsigned(lived));
        let cpu_ns = row.integer("cpu_ns").unwrap_or(0);
        lives.ended(start, Life { start, end: Some(row.time()), cpu_ns, ..life });
    })?;
    Ok(())
}

/// What other tables say of a process, where those of processes say nothing.
fn of_rows(
    asker: &mut Asker<'_>,
    who: &Who,
    (table, weight): (&'static str, &'static str),
    span: (i64, i64),
    lives: &mut Lives,
) -> Result<(), QueryError> {
    let columns = &["pid", "command", "weight_ns"];
    let wanted = Wanted { table, columns, filters: vec![meant(who)], span, step: None };
    asker.ask(&wanted, &mut |row| {
        if let Some(pid) = row.integer("pid") {
            lives.glimpsed(Life {
                pid,
                seen: (row.time(), span.1),
                command: row.text("command").unwrap_or_default(),
                cpu_ns: row.integer(weight).unwrap_or(0),
                ..Life::default()
            });
        }
    })?;
    Ok(())
}

/// The rows of an event table that are of what is meant.
fn meant(who: &Who) -> Filter {
    match who {
        Who::Pid(pid) => is("pid", *pid),
        Who::Name(name) => is_text("command", short(name)),
    }
}

/// Names of programs that ran in a span, so many at most.
///
/// # Errors
/// When the recording cannot be read.
pub fn commands(asker: &mut Asker<'_>, span: (i64, i64)) -> Result<Vec<String>, QueryError> {
    const MOST: usize = 4096;
    let step = by_the_hour(span);
    let mut names = std::collections::BTreeSet::new();
    let asked = [("process", Some((false, step, &[Aggregate::Last][..]))), ("process_event", None)];
    for (table, step) in asked {
        let wanted = Wanted { table, columns: &["command"], filters: Vec::new(), span, step };
        asker.ask(&wanted, &mut |row| {
            let command = row.text("command_last").or_else(|| row.text("command"));
            if let Some(command) = command.filter(|_| names.len() < MOST) {
                names.insert(command);
            }
        })?;
    }
    Ok(names.into_iter().collect())
}
