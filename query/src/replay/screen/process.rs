//! The processes that did most.

use super::figure::{count, percent, size};
use super::{BAD, NAME, PLAIN, View, WARN, of_traffic, right};
use crate::replay::frame::{Frame, Order};
use crate::replay::part::Process;
use ratatui::text::{Line, Span};

/// Up to `most` lines, the heading included.
pub fn lines(frame: &Frame, view: &View, most: usize) -> Vec<Line<'static>> {
    if frame.processes.is_empty() || most < 2 {
        return Vec::new();
    }
    let by = match view.order {
        Order::Cpu => "CPU time",
        Order::Memory => "memory",
        Order::Disk => "disk traffic",
    };
    let mut lines = vec![Line::styled(
        format!(
            "{:>8} {:>7} {:>7} {:>7} {:>8} {:>8} {:>4} {} COMMAND, most {by} first",
            "PID", "cpu %", "wait %", "rss", "read B/s", "write", "thr", "S"
        ),
        NAME,
    )];
    let top = frame.top(view.order);
    lines.extend(top.into_iter().take(most - 1).map(|process| of_process(process, view.width)));
    lines
}

fn of_process(process: &Process, width: usize) -> Line<'static> {
    let state = match process.state.as_str() {
        "D" => BAD,
        "R" => WARN,
        _ => PLAIN,
    };
    let command = match process.cmdline.as_str() {
        "" => format!("[{}]", process.command),
        cmdline => format!("{}  {cmdline}", process.command),
    };
    // 58 characters stand before it.
    let command: String =
        command.chars().map(shown).take(width.saturating_sub(58).max(15)).collect();
    Line::from(vec![
        right(&process.pid.to_string(), 8, PLAIN),
        right(&percent(process.cpus), 8, of_traffic(process.cpus)),
        right(&percent(process.delayed), 8, of_traffic(process.delayed)),
        right(&size(process.rss_bytes), 8, PLAIN),
        right(&size(process.read_bytes), 9, of_traffic(process.read_bytes)),
        right(&size(process.write_bytes), 9, of_traffic(process.write_bytes)),
        right(&count(process.threads), 5, PLAIN),
        Span::styled(format!(" {:<2}", process.state.chars().next().unwrap_or('?')), state),
        Span::raw(command),
    ])
}

/// A recorded command line must not move the cursor.
fn shown(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}
