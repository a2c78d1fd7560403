//! How much there is on this node of what is recorded.

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
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let lines = |text: &str| (text.lines().count() as u64).max(1);
        let is_cpu = |line: &&str| {
            line.strip_prefix("cpu")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        // For each controller the groups that it has.
        let groups = |line: &str| line.split_whitespace().nth(2)?.parse::<u64>().ok();
        Node {
            cpus: (text("/proc/stat").lines().filter(is_cpu).count() as u64).max(1),
            processes: processes().max(LEAST_PROCESSES),
            cgroups: text("/proc/cgroups").lines().filter_map(groups).max().unwrap_or(1),
            disks: lines(&text("/proc/diskstats")),
            interfaces: lines(&text("/proc/net/dev")).saturating_sub(2).max(1),
        }
    }
}

fn processes() -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_pid = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries.filter(|entry| is_pid(&entry.file_name())).count() as u64
}
