//! The processes that did most.

use super::figure::{opt_count, opt_percent, opt_size};
use super::{BAD, NAME, PLAIN, View, WARN, cut, of_traffic, right};
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
    let heading = format!(
        "{:>8} {:>7} {:>7} {:>7} {:>8} {:>8} {:>4} {} COMMAND, most {by} first",
        "PID", "cpu %", "wait %", "rss", "read B/s", "write", "thr", "S"
    );
    let mut lines = vec![Line::styled(cut(&heading, view.width), NAME)];
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
    // 58 characters stand before it.
    let command = cut(&command(process), width.saturating_sub(58).max(15));
    Line::from(vec![
        right(&process.pid.to_string(), 8, PLAIN),
        right(&opt_percent(process.cpus), 8, of_traffic(process.cpus)),
        right(&opt_percent(process.delayed), 8, of_traffic(process.delayed)),
        right(&opt_size(process.rss_bytes), 8, PLAIN),
        right(&opt_size(process.read_bytes), 9, of_traffic(process.read_bytes)),
        right(&opt_size(process.write_bytes), 9, of_traffic(process.write_bytes)),
        right(&opt_count(process.threads), 5, PLAIN),
        Span::styled(format!(" {:<2}", process.state.chars().next().unwrap_or('?')), state),
        Span::raw(command),
    ])
}

/// The command line without the directory of the program; of a thread of the kernel its name. What
/// calls itself something else than its program shows both.
fn command(process: &Process) -> String {
    if process.cmdline.is_empty() {
        return format!("[{}]", process.command);
    }
    let (program, arguments) = process.cmdline.split_once(' ').unwrap_or((&process.cmdline, ""));
    let program = program.rsplit('/').next().unwrap_or(program);
    // The kernel cuts names after 15 bytes.
    match program.starts_with(&process.command) {
        true => format!("{program} {arguments}"),
        false => format!("({}) {program} {arguments}", process.command),
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, command};

    #[test]
    fn a_command_is_shown_without_its_directory_and_with_the_name_it_gave_itself() {
        let shown = |name: &str, cmdline: &str| {
            let (command_, cmdline) = (name.to_owned(), cmdline.to_owned());
            command(&Process { command: command_, cmdline, ..Process::default() })
        };
        assert_eq!(shown("kworker/0:1", ""), "[kworker/0:1]");
        assert_eq!(shown("postgres", "/usr/lib/postgres -D /data"), "postgres -D /data");
        assert_eq!(
            shown("nodemon-recorde", "/usr/bin/nodemon-recorder run"),
            "nodemon-recorder run"
        );
        assert_eq!(shown("worker 3", "/usr/bin/python3 serve.py"), "(worker 3) python3 serve.py");
    }
}
