//! What is known of a control group.

use crate::kernel_files::text::{Fields, lines, parse_u64};

/// The values of one group. `None` is what its controllers do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Values {
    /// CPU time.
    pub cpu_ns: Option<u64>,
    /// CPU time in user code.
    pub cpu_user_ns: Option<u64>,
    /// CPU time in the kernel.
    pub cpu_system_ns: Option<u64>,
    /// Periods of its CPU quota.
    pub cpu_periods: Option<u64>,
    /// Those in which the quota was used up.
    pub cpu_throttled_periods: Option<u64>,
    /// Time that its CPUs were stopped for that.
    pub cpu_throttled_ns: Option<u64>,
    /// Its CPU quota, in CPUs.
    pub cpu_limit: Option<f64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// The most it may use.
    pub memory_limit_bytes: Option<u64>,
    /// Swap.
    pub swap_bytes: Option<u64>,
    /// Of its memory, what belongs to no file.
    pub anon_bytes: Option<u64>,
    /// Of its memory, the page cache.
    pub file_bytes: Option<u64>,
    /// Of its page cache, what is tmpfs and shared memory.
    pub shmem_bytes: Option<u64>,
    /// Of its memory, what the kernel holds for it.
    pub kernel_bytes: Option<u64>,
    /// Page faults.
    pub faults: Option<u64>,
    /// Page faults that waited for I/O.
    pub major_faults: Option<u64>,
    /// Times that it was held back above its soft limit.
    pub memory_high_events: Option<u64>,
    /// Times that it ran into its limit.
    pub memory_max_events: Option<u64>,
    /// Processes of it that the OOM killer killed.
    pub oom_kills: Option<u64>,
    /// Read from disks.
    pub read_bytes: Option<u64>,
    /// Written to disks.
    pub write_bytes: Option<u64>,
    /// Reads from disks.
    pub reads: Option<u64>,
    /// Writes to disks.
    pub writes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// The most it may have.
    pub pids_limit: Option<u64>,
    /// Time that some task waited for a CPU.
    pub cpu_some_ns: Option<u64>,
    /// Time that some task waited for memory.
    pub memory_some_ns: Option<u64>,
    /// Time that all tasks waited for memory.
    pub memory_full_ns: Option<u64>,
    /// Time that some task waited for I/O.
    pub io_some_ns: Option<u64>,
    /// Time that all tasks waited for I/O.
    pub io_full_ns: Option<u64>,
}

/// Takes what a file says into the values.
pub type Take = fn(&[u8], &mut Values);

/// Calls `take` with the name and the number of each line of a flat keyed file.
pub fn each(text: &[u8], mut take: impl FnMut(&[u8], u64)) {
    for line in lines(text) {
        let mut fields = Fields::new(line);
        if let Some(name) = fields.word()
            && let Some(value) = fields.u64()
        {
            take(name, value);
        }
    }
}

/// The only number of a file; `None` for `max`, which is no limit.
pub fn single(text: &[u8]) -> Option<u64> {
    parse_u64(text.trim_ascii())
}

/// Microseconds in nanoseconds.
pub fn us(value: u64) -> Option<u64> {
    Some(value.saturating_mul(1_000))
}
