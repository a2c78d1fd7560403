//! `replay`: walks through a span of time as it happened, one screen a tick.
//!
//! A [`reel`] reads the recording some ticks at a time, as they are looked at, and yields a
//! [`frame`] for each; a frame becomes a [`screen`] or a line of [`json`]. On a [`terminal`] a
//! [`player`] moves on by itself and obeys keys; elsewhere screens come one [after another](plain).

mod distribution;
mod frame;
mod gather;
mod hangup;
mod histograms;
mod json;
mod overview;
mod part;
mod plain;
mod player;
mod reel;
mod screen;
mod terminal;
mod window;

use crate::cli::{ReplayArgs, ReplayFormat};
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::output::Output;
use crate::question::Step;
use crate::span::Span;
use crate::time::{Stamp, show_precise};
use frame::{Frame, Order};
use overview::Overview;
use reel::Reel;
use screen::View;
use std::io::IsTerminal;
use terminal_size::{Width, terminal_size};

/// Lines and characters of a screen that is not on a terminal.
const PLAIN_SIZE: (usize, usize) = (50, 120);

/// Runs `replay`.
///
/// # Errors
/// When the recording cannot be read, has nothing in the span, or the output cannot be written.
pub fn run(context: &Context, args: &ReplayArgs) -> Result<Outcome, QueryError> {
    let outcome = context.warn_of_problems();
    let span = context.span(&args.span)?;
    context.note_anchor(&span);
    let (from, to) = recorded(context, &span)?;
    let step = step(context, args, &span)?;
    let recording = &context.recording;
    let mut reel = Reel::new(recording, step, from, to);
    let view = View {
        host: recording.host().to_owned(),
        zone: context.anchors.zone.clone(),
        height: PLAIN_SIZE.0,
        width: PLAIN_SIZE.1,
        order: Order::Cpu,
        each_cpu: false,
    };
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let format = args.format.unwrap_or(ReplayFormat::Screen);
    let mut output = Output::stdout();
    match format {
        ReplayFormat::Screen if is_terminal => {
            // On a screen that is redrawn a warning would be in the way, and then gone.
            let mut warner = context.warner();
            let mut warn = |problem: &_| warner.note(problem);
            let width = terminal_size().map_or(view.width, |(Width(width), _)| usize::from(width));
            let columns = width.saturating_sub(overview::ENDS);
            let overview = Overview::new(recording, from, to, step.length, columns, &mut warn)?;
            let speed = args.speed.unwrap_or(1.0);
            terminal::run(&mut reel, &overview, view, speed, &mut warn)?;
        }
        ReplayFormat::Screen => {
            let show = |frame: &Frame| text(frame, &view);
            let mut warner = context.warner();
            let mut warn = |problem: &_| warner.note(problem);
            plain::run(&mut reel, args.speed.unwrap_or(0.0), &mut output, show, &mut warn)?;
        }
        ReplayFormat::Jsonl => {
            let show = |frame: &Frame| json::line(frame, recording.host());
            let mut warner = context.warner();
            let mut warn = |problem: &_| warner.note(problem);
            plain::run(&mut reel, args.speed.unwrap_or(0.0), &mut output, show, &mut warn)?;
        }
    }
    output.commit()?;
    Ok(outcome.and(reel.outcome()))
}

/// A screen as plain text, with an empty line behind it.
fn text(frame: &Frame, view: &View) -> String {
    let mut text = String::new();
    for line in screen::lines(frame, view) {
        text.push_str(line.to_string().trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}

/// The part of the span that the recording spans.
fn recorded(context: &Context, span: &Span) -> Result<(i64, i64), QueryError> {
    let zone = &context.anchors.zone;
    let between = |from, to| format!("{} .. {}", show_precise(from, zone), show_precise(to, zone));
    let there = context.anchors.recorded;
    let cut = there.map(|(first, end)| (span.from.max(first), span.to.min(end)));
    cut.filter(|(from, to)| from < to).ok_or_else(|| QueryError::NoData {
        what: format!("nothing was recorded in {}", between(span.from, span.to)),
        there: match there {
            Some((first, end)) => {
                let why = context.why_not_yet(span, end, 0).unwrap_or_default();
                format!("the recording spans {}{why}", between(first, end))
            }
            None => "the recording holds no row at all".into(),
        },
    })
}

fn step(context: &Context, args: &ReplayArgs, span: &Span) -> Result<Step, QueryError> {
    let length = args.step.unwrap_or(1_000_000_000);
    if length <= 0 {
        return Err(QueryError::Usage("--step must be longer than 0".into()));
    }
    // Ticks begin when clocks on the wall show round times.
    let offset = Stamp::from_ns(span.from, &context.anchors.zone).offset;
    Ok(Step { origin: -i64::from(offset.seconds()) * 1_000_000_000, length })
}
