//! Screens of machines large and small.

use super::{View, lines};
use crate::replay::frame::{Event, Frame, Order};
use crate::replay::part::{Cpu, Disk, Load, Memory, Net, Process};
use jiff::tz::TimeZone;

fn view(width: usize, height: usize) -> View {
    let host = "node1".to_owned();
    View { host, zone: TimeZone::UTC, width, height, order: Order::Cpu, each_cpu: false }
}

/// A node with 128 CPUs, of which number 77 is saturated by softirqs.
fn large() -> Frame {
    let cpu = |cpu| match cpu {
        77 => Cpu { cpu, softirq: 0.95, system: 0.05, ..Cpu::default() },
        cpu => Cpu { cpu, user: 0.25, idle: 0.75, ..Cpu::default() },
    };
    let disk = |n: u32| Disk {
        device: format!("nvme{n}n1p1-with-a-long-name"),
        util: Some(f64::from(n) / 40.0),
        write_bytes: Some(f64::from(n) * 1e7),
        ..Disk::default()
    };
    let net = |n: u32| Net { interface: format!("eth{n}"), ..Net::default() };
    let process = |n: u32| Process {
        pid: u64::from(n),
        command: format!("worker{n}"),
        cmdline: format!("/opt/worker{n} --evil \x1b[2J"),
        cpus: Some(f64::from(n % 7)),
        rss_bytes: Some(f64::from(n)),
        ..Process::default()
    };
    Frame {
        from: 1_795_144_327_000_000_000,
        to: 1_795_144_328_000_000_000,
        cpus: (0..128).map(cpu).collect(),
        load: vec![Load { averages: [Some(1.5), Some(2.5), None], tasks: Some(900.0) }],
        memory: vec![Memory { total: Some(1e12), available: Some(1e11), ..Memory::default() }],
        disks: (0..40).map(disk).collect(),
        nets: (0..10).map(net).collect(),
        processes: (0..500).map(process).collect(),
        ..Frame::default()
    }
}

fn text(frame: &Frame, view: &View) -> Vec<String> {
    lines(frame, view).iter().map(ToString::to_string).collect()
}

#[test]
fn a_large_node_fits_the_screen_and_what_is_busiest_is_on_it() {
    let frame = large();
    for height in [24, 50] {
        let screen = text(&frame, &view(80, height));
        assert!(screen.len() <= height, "{} lines of {height}", screen.len());
        let all = screen.join("\n");
        let has = |what: &str| assert!(all.contains(what), "{what:?} is missing:\n{all}");
        has("  77   100.0 [||||||||||||]");
        has("worker496 ");
        has("nvme39n1p1");
        has("NET");
        for line in screen.iter().filter(|line| !line.starts_with("MEM")) {
            assert!(line.chars().count() <= 80, "too wide for 80 columns: {line:?}");
        }
    }
}

#[test]
fn what_was_recorded_cannot_move_the_cursor() {
    let mut frame = large();
    let table = "exec".to_owned();
    frame.events.push(Event { time: frame.from, table, text: "command=\x1b]0;x\x07".to_owned() });
    let all = text(&frame, &view(200, 60)).join("\n");
    assert!(all.contains("--evil"), "the command line is shown: {all}");
    assert!(all.contains("EXEC"), "the event is shown: {all}");
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!all.contains(is_control), "control characters get through: {all:?}");
}

#[test]
fn every_cpu_has_a_line_when_that_is_wanted() {
    let mut view = view(80, 200);
    view.each_cpu = true;
    let screen = text(&large(), &view);
    let shown = (0..128).filter(|cpu| {
        let start = format!("{cpu:>4} ");
        screen.iter().any(|line| line.starts_with(&start) && line.contains('['))
    });
    assert_eq!(shown.count(), 128);
}
