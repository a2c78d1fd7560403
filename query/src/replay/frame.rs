//! What was recorded of one tick.

use super::distribution::Distribution;
use super::part::{Cpu, Disk, Kernel, Load, Memory, Net, Part, Pressure, Process};
use crate::rows::Missing;

/// One tick of recorded time. A table without rows in it has no parts.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Wall time of the start, ns since the epoch.
    pub from: i64,
    /// The wall time behind the end.
    pub to: i64,
    /// Every CPU.
    pub cpus: Vec<Cpu>,
    /// The kernel as a whole.
    pub kernel: Vec<Kernel>,
    /// Load averages.
    pub load: Vec<Load>,
    /// Memory.
    pub memory: Vec<Memory>,
    /// Every resource.
    pub pressure: Vec<Pressure>,
    /// Every disk.
    pub disks: Vec<Disk>,
    /// Every interface.
    pub nets: Vec<Net>,
    /// Every process.
    pub processes: Vec<Process>,
    /// Histograms of every table that has some, where there were events.
    pub histograms: Vec<Distribution>,
    /// What happened.
    pub events: Vec<Event>,
    /// Gaps that touch the tick.
    pub gaps: Vec<TableGap>,
}

/// One row of an event table.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Wall time, ns since the epoch.
    pub time: i64,
    /// The table.
    pub table: String,
    /// Its fields, `name=value`, those that are there.
    pub text: String,
}

/// A gap and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct TableGap {
    /// The table; empty when it is every table.
    pub table: String,
    /// The gap.
    pub missing: Missing,
}

impl Frame {
    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.cpus.is_empty()
            && self.kernel.is_empty()
            && self.load.is_empty()
            && self.memory.is_empty()
            && self.pressure.is_empty()
            && self.disks.is_empty()
            && self.nets.is_empty()
            && self.processes.is_empty()
            && self.histograms.is_empty()
            && self.events.is_empty()
    }

    /// The processes, those with the most of `order` first.
    pub fn top(&self, order: Order) -> Vec<&Process> {
        let mut processes: Vec<&Process> = self.processes.iter().collect();
        processes.sort_by(|a, b| {
            let by = |order: Order| order.value_of(b).total_cmp(&order.value_of(a));
            by(order).then_with(|| by(Order::Memory))
        });
        processes
    }
}

/// What processes are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// CPU time.
    Cpu,
    /// Resident memory.
    Memory,
    /// Bytes read from and written to storage.
    Disk,
}

impl Order {
    /// How much a process has; what is not known counts as nothing.
    fn value_of(self, process: &Process) -> f64 {
        let both = process.read_bytes.unwrap_or(0.0) + process.write_bytes.unwrap_or(0.0);
        match self {
            Order::Cpu => process.cpus.unwrap_or(0.0),
            Order::Memory => process.rss_bytes.unwrap_or(0.0),
            Order::Disk => both,
        }
    }
}

/// Where the parts of a table stand in a frame.
pub trait Placed: Part {
    /// The parts.
    fn place(frame: &mut Frame) -> &mut Vec<Self>;
}

macro_rules! placed {
    ($($part:ty => $field:ident,)*) => {
        $(impl Placed for $part {
            fn place(frame: &mut Frame) -> &mut Vec<$part> {
                &mut frame.$field
            }
        })*
    };
}

placed! {
    Cpu => cpus,
    Kernel => kernel,
    Load => load,
    Memory => memory,
    Pressure => pressure,
    Disk => disks,
    Net => nets,
    Process => processes,
}
