//! One of the processes that may be meant.

use super::ask::Asker;
use super::find::commands;
use super::life::{Life, Lives};
use super::name::Who;
use crate::error::QueryError;
use crate::listing::{Listing, show_count};
use crate::span::Span;
use crate::stacks::{fit, percent, seconds};
use crate::time::{show_instant, show_precise};
use nodemon_formats::text::printable;
use nodemon_formats::units::nearest;
use std::cmp::Reverse;
use std::io::Write;

/// Whoever has so much of the CPU time of all is meant, percent.
const CLEARLY: f64 = 95.0;
/// So many are listed at most.
const LISTED: usize = 20;
/// So many names are suggested at most.
const SUGGESTED: usize = 3;
/// Characters of a command line in the list.
const CMDLINE: usize = 38;

/// The life that is meant, at a time if one was given; and what is to be told of the choice.
///
/// # Errors
/// When there is none, or more than one, which are then listed on standard error.
pub fn choose(
    asker: &mut Asker<'_>,
    (who, at): (&Who, Option<i64>),
    span: &Span,
    lives: &Lives,
) -> Result<(Life, Option<String>), QueryError> {
    let mut meant: Vec<&Life> = lives.all().iter().collect();
    if let Some(time) = at {
        meant.retain(|life| life.lived_at(time));
        if matches!(who, Who::Pid(_)) {
            // A number is that of one at a time: of the one that got it last.
            meant = meant.pop().into_iter().collect();
        }
    }
    match meant[..] {
        [] => Err(nobody(asker, (who, at), span, lives)?),
        [life] => Ok((life.clone(), None)),
        _ => {
            meant.sort_by_key(|life| Reverse(life.cpu_ns));
            let all = meant.iter().fold(0u64, |sum, life| sum.saturating_add(life.cpu_ns));
            let share = percent(meant[0].cpu_ns, all);
            let many = meant.len() as u64 + lives.dropped;
            let of = format!("{} processes of {}", show_count(many), who.told());
            if share < CLEARLY {
                list(asker, &meant, lives.dropped);
                return Err(QueryError::Usage(format!(
                    "there are {of}: name one of them as PID@TIME, or another span with --from and --to"
                )));
            }
            let life = meant[0].clone();
            let told = format!(
                "of {of}, {} has {share:.1} % of the CPU time, and was taken; PID@TIME names another",
                life.pid
            );
            Ok((life, Some(told)))
        }
    }
}

/// Lists processes, those with most CPU time first.
fn list(asker: &Asker<'_>, meant: &[&Life], dropped: u64) {
    let zone = &asker.context.anchors.zone;
    let mut listing = Listing::new(&[">pid", "start", ">CPU s", "command"]);
    for life in meant.iter().take(LISTED) {
        let start = match life.start {
            Some(start) => show_instant(start, zone),
            None => format!("by {}", show_instant(life.seen.0, zone)),
        };
        let called = fit(&printable(&life.called()), CMDLINE);
        listing.row([life.pid.to_string(), start, seconds(life.cpu_ns), called]);
    }
    let mut text = listing.text(asker.context.color_errors);
    let more = (meant.len().saturating_sub(LISTED) as u64).saturating_add(dropped);
    if more > 0 {
        text.push_str(&format!("... and {more} more\n"));
    }
    // When that is closed there is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// That nobody is meant, and who may be.
fn nobody(
    asker: &mut Asker<'_>,
    (who, at): (&Who, Option<i64>),
    span: &Span,
    lives: &Lives,
) -> Result<QueryError, QueryError> {
    let zone = &asker.context.anchors.zone;
    let asked = match at {
        Some(at) => format!("at {}", show_precise(at, zone)),
        None => format!("in {} .. {}", show_precise(span.from, zone), show_precise(span.to, zone)),
    };
    let what = format!("no process of {} lived {asked}", who.told());
    if let Some(life) = lives.all().first().filter(|_| at.is_some()) {
        let start = show_precise(life.begin(), zone);
        let there = format!("the first of them that is known, {}, began {start}", life.pid);
        return Ok(QueryError::NoData { what, there });
    }
    let newest = asker.context.recording.table("process")?.map(|table| table.span.1);
    let newest = newest.or_else(|| Some(asker.context.recording.span()?.1));
    let why = newest.and_then(|newest| asker.context.why_not_yet(span, newest, 0));
    let known = commands(asker, (span.from, span.to))?;
    let there = match who {
        _ if known.is_empty() => match asker.context.anchors.recorded {
            Some((first, end)) => {
                let zone = &asker.context.anchors.zone;
                let (first, end) = (show_precise(first, zone), show_precise(end, zone));
                format!("no process was recorded then; the recording spans {first} .. {end}")
            }
            None => "the recording holds no row at all".to_owned(),
        },
        Who::Name(name) => suggest(name, known),
        Who::Pid(_) if asker.has("process", &["pid"]) => {
            "`nodemon-query range -t process -c command` shows those that did".to_owned()
        }
        Who::Pid(_) => "`nodemon-query range -t process_event` shows those that did".to_owned(),
    };
    Ok(QueryError::NoData { what, there: format!("{there}{}", why.unwrap_or_default()) })
}

/// Names that somebody may have meant.
fn suggest(name: &str, mut known: Vec<String>) -> String {
    let mut found = Vec::new();
    while found.len() < SUGGESTED {
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        let Some(near) = near else { break };
        known.retain(|known| *known != near);
        found.push(format!("{near:?}"));
    }
    match found.is_empty() {
        true => "`nodemon-query range -t process -c command` shows the names of all".to_owned(),
        false => format!("did you mean {}?", found.join(", ")),
    }
}
