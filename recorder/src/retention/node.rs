//! How much there is on this node of what is recorded.

use procfs::{CGroupControllers, CurrentSI, KernelStats};
use std::fs;

/// How many there are of what has a row in each sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// CPUs that are online.
    pub cpus: u64,
    /// Processes.
    pub processes: u64,
    /// Control groups.
    pub cgroups: u64,
    /// Block devices and partitions.
    pub disks: u64,
    /// Network interfaces.
    pub interfaces: u64,
}

/// A node has at least so many processes when it does anything; at boot, when the recorder starts,
/// there are fewer.
const LEAST_PROCESSES: u64 = 100;

impl Node {
    /// This node, now. What cannot be counted is taken to be one.
    pub fn this() -> Node {
        let some = |count: usize| (count as u64).max(1);
        // Each controller has its own.
        let groups = |of_all: CGroupControllers| {
            of_all.0.iter().map(|controller| u64::from(controller.num_cgroups)).max()
        };
        Node {
            cpus: some(KernelStats::current().map_or(0, |stats| stats.cpu_time.len())),
            processes: processes().max(LEAST_PROCESSES),
            cgroups: procfs::cgroups().ok().and_then(groups).unwrap_or(1),
            disks: some(procfs::diskstats().map_or(0, |disks| disks.len())),
            interfaces: some(procfs::net::dev_status().map_or(0, |interfaces| interfaces.len())),
        }
    }
}

fn processes() -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_pid = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries.filter(|entry| is_pid(&entry.file_name())).count() as u64
}
