//! What a process and its children have cost so far, as the kernel counts it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Costs since the processes started, and memory now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time on a CPU, user and kernel, ns.
    pub cpu_ns: u64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Bytes that went to a block device, proc_pid_io(5).
    pub written_bytes: u64,
}

/// Time that the programs took which a process has in the kernel, ns, while the kernel takes it
/// (`BPF_ENABLE_STATS`): by the `fdinfo` of its descriptors, each program once.
///
/// # Errors
/// When the process is gone or its files cannot be read.
pub fn of_programs(pid: u32) -> io::Result<u64> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // It may be closed by now.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        if let (Ok(id), Ok(time_ns)) = (field(&text, "prog_id:"), field(&text, "run_time_ns:")) {
            times.insert(id, time_ns);
        }
    }
    Ok(times.values().sum())
}

/// A tick of `/proc/PID/stat`, ns: `USER_HZ` is 100 on every Linux that Rust runs on.
const TICK_NS: u64 = 10_000_000;

/// The cost of process `pid` and of everything below it.
///
/// Living threads are read from `schedstat`, which counts nanoseconds, so that a minute at 0.01 %
/// of a core can be told from one at 0.02 %. Helpers that came and went in between are in the ticks
/// that their parent inherited.
///
/// # Errors
/// When the process is gone or its files cannot be read.
pub fn of_tree(pid: u32) -> io::Result<Cost> {
    let mut total = Cost::default();
    let mut pids = vec![pid];
    while let Some(pid) = pids.pop() {
        let dir = Path::new("/proc").join(pid.to_string());
        let stat = fs::read_to_string(dir.join("stat"))?;
        total.cpu_ns += reaped_ticks(&stat)? * TICK_NS;
        total.rss_bytes += field(&fs::read_to_string(dir.join("status"))?, "VmRSS:")? * 1024;
        total.written_bytes += field(&fs::read_to_string(dir.join("io"))?, "write_bytes:")?;
        for task in fs::read_dir(dir.join("task"))? {
            let task = task?.path();
            total.cpu_ns += number(fs::read_to_string(task.join("schedstat"))?.split(' ').next())?;
            let children = fs::read_to_string(task.join("children"))?;
            for child in children.split_whitespace() {
                pids.push(number(Some(child))? as u32);
            }
        }
    }
    Ok(total)
}

/// `cutime` and `cstime` out of `/proc/PID/stat`: fields 16 and 17, counted behind the command's
/// closing bracket because the command may hold blanks.
fn reaped_ticks(stat: &str) -> io::Result<u64> {
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = fields.split(' ').skip(13);
    Ok(number(fields.next())? + number(fields.next())?)
}

fn field(text: &str, name: &str) -> io::Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    number(value.and_then(|value| value.split_whitespace().next()))
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no number where one was due: {text:?}")))
}
