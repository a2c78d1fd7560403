//! Disks and network interfaces.

use super::figure::{opt_count, opt_duration, opt_percent, opt_size};
use super::{FAINT, NAME, PLAIN, WARN, bar, left, of_share, of_traffic, of_trouble, right};
use crate::replay::frame::Frame;
use crate::replay::part::{Disk, Net};
use ratatui::text::{Line, Span};

const NAME_WIDTH: usize = 10;
const BAR: usize = 8;

/// Disks and interfaces in up to `most` lines, the busiest first where not all fit.
pub fn lines(frame: &Frame, most: usize) -> Vec<Line<'static>> {
    let half = most.saturating_sub(4) / 2;
    let nets = frame.nets.len().min(half.max(most.saturating_sub(4 + frame.disks.len())));
    let disks = frame.disks.len().min(most.saturating_sub(4 + nets));
    let mut lines = Vec::new();
    if disks > 0 {
        lines.push(Line::styled(
            format!(
                "{:<NAME_WIDTH$}   util {:BAR$}   {:>8} {:>8} {:>8} {:>8} {:>8} {:>6}",
                "DISK", "", "read B/s", "write", "reads/s", "writes", "await", "queue"
            ),
            NAME,
        ));
        let busiest = busiest(&frame.disks, disks, Disk::business);
        lines.extend(busiest.into_iter().map(of_disk));
    }
    if nets > 0 {
        lines.push(Line::styled(
            format!(
                "{:<NAME_WIDTH$} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
                "NET", "rx B/s", "tx", "rx pkt/s", "tx", "drops/s", "errors"
            ),
            NAME,
        ));
        let busiest = busiest(&frame.nets, nets, Net::business);
        lines.extend(busiest.into_iter().map(of_net));
    }
    lines
}

/// The first `count` by `measure`, in the order in which they were recorded.
fn busiest<T>(all: &[T], count: usize, measure: impl Fn(&T) -> f64) -> Vec<&T> {
    let mut numbered: Vec<(usize, &T)> = all.iter().enumerate().collect();
    numbered.sort_by(|(_, a), (_, b)| measure(b).total_cmp(&measure(a)));
    numbered.truncate(count);
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, item)| item).collect()
}

impl Disk {
    /// What the busiest have most of.
    fn business(&self) -> f64 {
        let bytes = self.read_bytes.unwrap_or(0.0) + self.write_bytes.unwrap_or(0.0);
        self.util.unwrap_or(0.0) * 1e12 + bytes
    }
}

impl Net {
    /// What the busiest have most of.
    fn business(&self) -> f64 {
        self.rx_bytes.unwrap_or(0.0) + self.tx_bytes.unwrap_or(0.0)
    }
}

fn of_disk(disk: &Disk) -> Line<'static> {
    let waits = disk.await_ns.map_or(FAINT, |ns| if ns >= 1e8 { WARN } else { PLAIN });
    let util = disk.util.unwrap_or(0.0);
    Line::from(vec![
        left(&disk.device, NAME_WIDTH, PLAIN),
        right(&opt_percent(disk.util), 6, of_share(util)),
        Span::raw(" "),
        bar(util, BAR),
        Span::raw(" "),
        right(&opt_size(disk.read_bytes), 8, of_traffic(disk.read_bytes)),
        right(&opt_size(disk.write_bytes), 9, of_traffic(disk.write_bytes)),
        right(&opt_count(disk.reads), 9, of_traffic(disk.reads)),
        right(&opt_count(disk.writes), 9, of_traffic(disk.writes)),
        right(&opt_duration(disk.await_ns), 9, waits),
        right(&opt_count(disk.in_flight), 7, of_traffic(disk.in_flight)),
    ])
}

fn of_net(net: &Net) -> Line<'static> {
    Line::from(vec![
        left(&net.interface, NAME_WIDTH, PLAIN),
        right(&opt_size(net.rx_bytes), 8, of_traffic(net.rx_bytes)),
        right(&opt_size(net.tx_bytes), 9, of_traffic(net.tx_bytes)),
        right(&opt_count(net.rx_packets), 9, of_traffic(net.rx_packets)),
        right(&opt_count(net.tx_packets), 9, of_traffic(net.tx_packets)),
        right(&opt_count(net.dropped), 9, of_trouble(net.dropped)),
        right(&opt_count(net.errors), 9, of_trouble(net.errors)),
    ])
}
