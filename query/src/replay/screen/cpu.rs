//! How busy CPUs were.

use super::figure::percent;
use super::{FAINT, NAME, View, bar, of_share, right};
use crate::replay::frame::Frame;
use crate::replay::part::Cpu;
use nodemon_formats::narrow::{index, whole};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Up to so many CPUs have a line each.
const FEW: usize = 8;
/// Of more, the busiest have one.
const BUSIEST: usize = 3;
const BAR: usize = 12;

/// All on average, and each or the busiest; of many also a row of columns, one a CPU.
pub fn lines(frame: &Frame, view: &View) -> Vec<Line<'static>> {
    if frame.cpus.is_empty() {
        return vec![Line::styled("CPU   not recorded here", FAINT)];
    }
    let mut lines = vec![heading(), line("all", &Cpu::average(&frame.cpus))];
    if frame.cpus.len() <= FEW || view.each_cpu {
        lines.extend(frame.cpus.iter().map(|cpu| line(&cpu.cpu.to_string(), cpu)));
        return lines;
    }
    lines.extend(columns(&frame.cpus, view.width));
    let mut busiest: Vec<&Cpu> = frame.cpus.iter().collect();
    busiest.sort_by(|a, b| b.busy().total_cmp(&a.busy()));
    lines.extend(busiest.iter().take(BUSIEST).map(|cpu| line(&cpu.cpu.to_string(), cpu)));
    lines
}

const STATES: [(&str, usize); 7] = [
    ("user", 6),
    ("system", 8),
    ("iowait", 8),
    ("irq", 6),
    ("softirq", 9),
    ("steal", 7),
    ("idle", 7),
];

fn heading() -> Line<'static> {
    let states = STATES.map(|(name, width)| format!("{name:>width$}")).concat();
    Line::styled(format!("CPU     busy {:BAR$}   {states}", ""), NAME)
}

fn line(name: &str, cpu: &Cpu) -> Line<'static> {
    if !cpu.is_known() {
        return Line::styled(format!("{name:>4}       ? "), FAINT);
    }
    let shares = [cpu.user, cpu.system, cpu.iowait, cpu.irq, cpu.softirq, cpu.steal, cpu.idle];
    let mut spans = vec![
        Span::raw(format!("{name:>4} ")),
        right(&percent(cpu.busy()), 7, of_share(cpu.busy())),
        Span::raw(" "),
        bar(cpu.busy(), BAR),
        Span::raw(" "),
    ];
    for ((_, width), (at, share)) in STATES.iter().zip(shares.iter().enumerate()) {
        // That a CPU is idle is nothing to worry about.
        let style = if at == shares.len() - 1 { FAINT } else { of_share(*share) };
        spans.push(right(&percent(*share), *width, style));
    }
    Line::from(spans)
}

/// One character a CPU, the higher the busier, in the order of their numbers.
fn columns(cpus: &[Cpu], width: usize) -> Vec<Line<'static>> {
    const HEIGHTS: [&str; 9] = ["_", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let per_line = width.saturating_sub(5).clamp(16, 128) / 16 * 16;
    let column = |cpu: &Cpu| {
        let height = index(whole((cpu.busy().clamp(0.0, 1.0) * 8.0).round()));
        let style: Style = of_share(cpu.busy());
        Span::styled(HEIGHTS[height.min(8)], style)
    };
    let line = |cpus: &[Cpu]| {
        let first = cpus.first().map_or(0, |cpu| cpu.cpu);
        let name = Span::styled(format!("{first:>4} "), FAINT);
        Line::from_iter(std::iter::once(name).chain(cpus.iter().map(column)))
    };
    cpus.chunks(per_line).map(line).collect()
}
