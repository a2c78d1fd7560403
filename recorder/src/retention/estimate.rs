//! What a recording takes on disk, estimated. The figures are those of `docs/retention.md`: measured
//! on a node of 2 CPUs and 95 processes under the load of builds and tests.

use super::node::Node;
use crate::config::PlannedSource;
use nodemon_formats::TableKind;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::writer::FINE_BELOW_NS;

/// Of a sample at 1 ms, for each CPU and beside them: a commit a second is most of the latter.
const FINE_CPU_BYTES: f64 = 5.6;
const FINE_BYTES: f64 = 3.0;

/// Of a row of the CPUs a second or a minute, for each.
const CPU_BYTES: f64 = 108.0;

/// Of a sample of any other source.
const SOURCE_BYTES: f64 = 33.0;
/// Of a process, a control group, a disk, an interface in it.
const PROCESS_BYTES: f64 = 6.0;
const CGROUP_BYTES: f64 = 16.0;
const DISK_BYTES: f64 = 8.0;
const INTERFACE_BYTES: f64 = 2.0;

/// Events of processes a second, of ten that end: what a node does is not known before.
const EVENTS_BYTES: f64 = 300.0;

/// Of a sampled stack; how many there are a second of a CPU that is busy, and of all; how much of the
/// time that is, on an ordinary node.
const STACK_BYTES: f64 = 30.0;
const STACKS_PER_S: f64 = 19.0;
const MOST_STACKS_PER_S: f64 = 400.0;
const BUSY: f64 = 0.3;
const WAITS_PER_S: f64 = 15.0;

/// A row of a tier has what a counter grew by, and the smallest and largest of gauges, and all
/// processes that lived in its step.
const TIER_TIMES: f64 = 3.5;

/// What is taken a second, bytes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Of tables that are sampled more often than once a second.
    pub fine: f64,
    /// Of the others, and of events.
    pub rows: f64,
}

/// What the rows of `sources` take.
pub fn of_rows(sources: &[PlannedSource], node: &Node) -> Rates {
    let mut rates = Rates::default();
    for source in sources {
        match interval_ns(source) {
            // Events come when they come.
            None => rates.rows += slow_bytes(source, node),
            Some(ns) if ns < FINE_BELOW_NS => {
                rates.fine += 1e9 / ns as f64 * fine_bytes(source, node)
            }
            Some(ns) => rates.rows += 1e9 / ns as f64 * slow_bytes(source, node),
        }
    }
    rates
}

/// The interval of a source that samples, ns.
pub fn interval_ns(source: &PlannedSource) -> Option<u64> {
    let mut tables = source.tables.iter().map(|(table, _)| table);
    let is_sampled = tables.any(|table| table.kind == TableKind::Sample);
    is_sampled.then(|| duration_ns(source.asked.interval).max(1))
}

/// What a tier takes a second that has a row each `step_ns`.
pub fn of_tier(sources: &[PlannedSource], node: &Node, step_ns: u64) -> f64 {
    let is_kept = |source: &&PlannedSource| interval_ns(source).is_some_and(|ns| ns < step_ns);
    let bytes = |source: &PlannedSource| match source.descriptor.name {
        "cpus" => CPU_BYTES * node.cpus as f64,
        _ => TIER_TIMES * slow_bytes(source, node),
    };
    let a_step: f64 = sources.iter().filter(is_kept).map(bytes).sum();
    a_step * 1e9 / step_ns.max(1) as f64
}

fn fine_bytes(source: &PlannedSource, node: &Node) -> f64 {
    match source.descriptor.name {
        "cpus" => FINE_BYTES + FINE_CPU_BYTES * node.cpus as f64,
        _ => slow_bytes(source, node),
    }
}

fn slow_bytes(source: &PlannedSource, node: &Node) -> f64 {
    let own = match source.descriptor.name {
        "cpus" => CPU_BYTES * node.cpus as f64,
        "process" => PROCESS_BYTES * node.processes as f64,
        "process_event" => EVENTS_BYTES,
        "stack_cpu" => {
            STACK_BYTES * (STACKS_PER_S * node.cpus as f64).min(MOST_STACKS_PER_S) * BUSY
        }
        "stack_wait" => STACK_BYTES * WAITS_PER_S,
        "cgroup" => CGROUP_BYTES * node.cgroups as f64,
        "diskstats" => DISK_BYTES * node.disks as f64,
        "netdev" => INTERFACE_BYTES * node.interfaces as f64,
        _ => 0.0,
    };
    SOURCE_BYTES + own
}
