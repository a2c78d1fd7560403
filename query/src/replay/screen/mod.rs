//! One tick as lines of text, for a terminal or a pipe.

use nodemon_formats::narrow::{index, whole};
use nodemon_formats::text::printable;

mod cpu;
mod device;
mod figure;
mod head;
mod histogram;
mod machine;
mod process;
#[cfg(test)]
mod tests;

use super::frame::{Frame, Order};
use jiff::tz::TimeZone;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use std::borrow::Cow;

/// How a tick is looked at.
#[derive(Clone, Debug)]
pub struct View {
    /// The host that was recorded.
    pub host: String,
    /// The zone of times.
    pub zone: TimeZone,
    /// Characters in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// What processes are ordered by.
    pub order: Order,
    /// Whether every CPU has a line, however many there are.
    pub each_cpu: bool,
}

/// The lines of a tick, no more than `view.height`.
pub fn lines(frame: &Frame, view: &View) -> Vec<Line<'static>> {
    let mut lines = head::lines(frame, view);
    if frame.is_empty() {
        lines.push(Line::styled("nothing was recorded here", BAD));
        return lines;
    }
    lines.extend(cpu::lines(frame, view));
    lines.extend(machine::lines(frame));
    // What is left is shared: processes get a third of it at least.
    let left = view.height.saturating_sub(lines.len());
    let devices = device::lines(frame, left / 2);
    lines.extend(devices);
    lines.extend(histogram::lines(frame, (left / 6).min(MOST_HISTOGRAMS)));
    lines.extend(head::events(frame, view, 4));
    let left = view.height.saturating_sub(lines.len());
    lines.extend(process::lines(frame, view, left));
    lines.truncate(view.height);
    // Whatever a part of the screen forgot: nothing that was recorded acts on the terminal.
    for span in lines.iter_mut().flat_map(|line| &mut line.spans) {
        if let Cow::Owned(shown) = printable(&span.content) {
            span.content = Cow::Owned(shown);
        }
    }
    lines
}

/// So many lines of histograms at most, with their heading.
const MOST_HISTOGRAMS: usize = 7;

/// Names of columns and sections.
const NAME: Style = Style::new().add_modifier(Modifier::BOLD);
/// Nothing to worry about.
const PLAIN: Style = Style::new();
/// Of no interest right now.
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// Worth a look.
const WARN: Style = Style::new().fg(Color::Yellow);
/// Most likely what is wrong.
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// How a share of one looks: of little interest, or alarming.
fn of_share(share: f64) -> Style {
    match share {
        share if share >= 0.9 => BAD,
        share if share >= 0.7 => WARN,
        share if share < 0.0005 => FAINT,
        _ => PLAIN,
    }
}

/// How a number looks that should be nothing.
fn of_trouble(number: Option<f64>) -> Style {
    if number.is_some_and(|number| number > 0.0) { BAD } else { FAINT }
}

/// How a number looks that says how busy something is.
fn of_traffic(number: Option<f64>) -> Style {
    if number.is_some_and(|number| number > 0.0) { PLAIN } else { FAINT }
}

/// `text` flush right in `width` characters.
fn right(text: &str, width: usize, style: Style) -> Span<'static> {
    Span::styled(format!("{text:>width$}"), style)
}

/// `text` flush left in `width` characters, cut off where it is longer, and a space.
fn left(text: &str, width: usize, style: Style) -> Span<'static> {
    Span::styled(format!("{:<width$} ", cut(text, width)), style)
}

/// At most `width` characters of recorded text, which must not move the cursor.
fn cut(text: &str, width: usize) -> String {
    printable(text).chars().take(width).collect()
}

/// A bar of `width` characters; `share` of one is full.
fn bar(share: f64, width: usize) -> Span<'static> {
    let full = index(whole((share.clamp(0.0, 1.0) * width as f64).round()));
    let text = format!("[{}{}]", "|".repeat(full), " ".repeat(width - full.min(width)));
    Span::styled(text, of_share(share))
}
