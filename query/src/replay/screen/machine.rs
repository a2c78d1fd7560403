//! Memory, pressure and the kernel as a whole: a line or two each.

use super::figure::{opt_count, opt_size, percent, size};
use super::{FAINT, NAME, PLAIN, bar, cut, of_share};
use crate::replay::frame::Frame;
use crate::replay::part::{Memory, Pressure};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The lines of what was recorded. What a narrow screen cuts off stands last.
pub fn lines(frame: &Frame) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(memory) = frame.memory.first() {
        lines.push(of_memory(memory));
    }
    if !frame.pressure.is_empty() {
        lines.push(of_pressure(&frame.pressure));
    }
    if let Some(kernel) = frame.kernel.first() {
        let blocked = kernel.blocked.unwrap_or(0.0);
        let text = format!(
            "{} switches/s  {} interrupts/s  {} forks/s  {} running  ",
            opt_count(kernel.switches),
            opt_count(kernel.interrupts),
            opt_count(kernel.forks),
            opt_count(kernel.running)
        );
        let style = if blocked >= 1.0 { super::WARN } else { FAINT };
        lines.push(Line::from(vec![
            name("TASKS"),
            Span::raw(text),
            Span::styled(format!("{} blocked", opt_count(kernel.blocked)), style),
        ]));
    }
    lines
}

fn name(name: &'static str) -> Span<'static> {
    Span::styled(format!("{name:<6}"), NAME)
}

fn of_memory(memory: &Memory) -> Line<'static> {
    let share = match (memory.used(), memory.total) {
        (Some(used), Some(total)) if total > 0.0 => used / total,
        _ => 0.0,
    };
    let mut spans = vec![
        name("MEM"),
        bar(share, 12),
        Span::styled(
            format!(" {} of {}", opt_size(memory.used()), opt_size(memory.total)),
            of_share(share),
        ),
    ];
    if let (Some(used), Some(total)) = (memory.swap_used(), memory.swap_total)
        && total > 0.0
    {
        let text = format!("  swap {} of {}", size(used), size(total));
        spans.push(Span::styled(text, of_share(used / total)));
    }
    let parts = [
        ("dirty", memory.dirty),
        ("writeback", memory.writeback),
        ("cached", memory.cached),
        ("anon", memory.anon),
        ("slab", memory.slab),
        ("free", memory.free),
    ];
    for (name, bytes) in parts.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))) {
        spans.push(Span::styled(format!("  {name} "), FAINT));
        spans.push(Span::styled(size(bytes), PLAIN));
    }
    Line::from(spans)
}

fn of_pressure(resources: &[Pressure]) -> Line<'static> {
    let mut spans = vec![name("PSI")];
    for pressure in resources {
        spans.push(Span::styled(format!("{} ", cut(&pressure.resource, 12)), FAINT));
        // A tenth of the time lost is worth a look already.
        let of = |share: f64| -> Style { of_share((share * 4.0).min(1.0)) };
        let shares = [("some", pressure.some), ("full", pressure.full)];
        for (what, share) in shares.into_iter().filter_map(|(what, share)| Some((what, share?))) {
            spans.push(Span::styled(format!("{what} {} %  ", percent(share)), of(share)));
        }
    }
    Line::from(spans)
}
