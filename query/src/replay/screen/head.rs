//! When and where, what is missing, and what happened.

use super::{BAD, FAINT, NAME, PLAIN, View, WARN, cut};
use crate::gaps::{ReportedGap, together};
use crate::replay::frame::Frame;
use crate::time::Stamp;
use nodemon_formats::units::show_duration;
use ratatui::text::{Line, Span};

/// The first line, and one for each gap that touches the tick.
pub fn lines(frame: &Frame, view: &View) -> Vec<Line<'static>> {
    let step = frame.to - frame.from;
    let stamp = Stamp::from_ns(frame.from, &view.zone);
    let mut spans = vec![
        Span::styled(format!("{} {}", stamp.text(digits(step)), stamp.zone()), NAME),
        Span::styled(format!(" + {}  ", show_duration(step)), FAINT),
        Span::styled(cut(&view.host, 64), NAME),
    ];
    if let Some(load) = frame.load.first() {
        let averages = load.averages.iter().flatten().map(|load| format!(" {load:.2}"));
        spans.push(Span::styled(format!("  load{}", averages.collect::<String>()), PLAIN));
        if let Some(tasks) = load.tasks {
            spans.push(Span::styled(format!("  {tasks:.0} tasks"), PLAIN));
        }
    }
    let mut lines = vec![Line::from(spans)];
    let gaps = together(frame.gaps.iter().map(|gap| (gap.table.clone(), gap.missing.clone())));
    lines.extend(gaps.iter().take(3).map(|gap| of_gap(gap, view)));
    if gaps.len() > 3 {
        lines.push(Line::styled(format!("gaps: {} more", gaps.len() - 3), BAD));
    }
    lines
}

/// Digits of the fraction of a second that tell ticks apart.
fn digits(step: i64) -> usize {
    match step {
        step if step % 1_000_000_000 == 0 => 0,
        step if step % 1_000_000 == 0 => 3,
        step if step % 1_000 == 0 => 6,
        _ => 9,
    }
}

fn of_gap(gap: &ReportedGap, view: &View) -> Line<'static> {
    let whose = if gap.tables.is_empty() { "everything".to_owned() } else { gap.tables() };
    let missing = &gap.missing;
    let until = Stamp::from_ns(missing.to, &view.zone);
    let is_today = until.date == Stamp::from_ns(missing.from, &view.zone).date;
    let until = if is_today { until.clock(3) } else { until.text(0) };
    let length = show_duration(missing.to - missing.from);
    let text = format!("gap: {whose}, {length} until {until}: {}", gap.why());
    Line::styled(cut(&text, view.width), BAD)
}

/// What happened in the tick: up to `most` lines.
pub fn events(frame: &Frame, view: &View, most: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for event in frame.events.iter().take(most) {
        let clock = Stamp::from_ns(event.time, &view.zone).clock(6);
        let text = cut(&format!("{clock} {}", event.text), view.width.saturating_sub(12));
        let name = Span::styled(format!("{:<11} ", event.table.to_uppercase()), NAME);
        lines.push(Line::from(vec![name, Span::styled(text, WARN)]));
    }
    if frame.events.len() > most {
        lines.push(Line::styled(format!("{} more events", frame.events.len() - most), WARN));
    }
    lines
}
