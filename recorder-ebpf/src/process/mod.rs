//! The process table, out of an iterator over all threads.
//!
//! The program is `bpf/process.bpf.c`. A pass over the table is one read of a file from its
//! beginning to its end, which takes no lock that a process could hold: nothing of a process that
//! hangs can keep it waiting.
//!
//! What is read, and how it differs from `/proc`:
//!
//! | in a row | read from | |
//! | --- | --- | --- |
//! | `cpu_ns` | `sum_exec_runtime` | and what a thread that is on a CPU ran since its last tick |
//! | `user_ns`, `system_ns` | `utime`, `stime` | as counted by ticks; `/proc` divides `cpu_ns` as they are |
//! | run delay, switches | `sched_info`, `nvcsw`, `nivcsw` | with threads that ended |
//! | memory | `rss_stat` | from 6.2 on without what each CPU has not added yet |
//! | `group_set` | `cgroups` | tells that a process was moved in any hierarchy |
//!
//! Processes are numbered as the host numbers them, whatever pid namespace the caller is in.

mod rows;

pub use rows::{ABSENT, ProcessRow, Row, ThreadRow, USAGE, Usage};

use crate::drain::read_through;
use crate::error::FeatureError;
use crate::load::{KernelTypes, RunningProgram};
use crate::object::{find, program_fd};
use crate::sys;
use aya::programs::Iter;
use rows::rows_of;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/process.bpf.o"));

const PROGRAM: &str = "processes";
/// What one read takes: all that the kernel gathers for it, which are 8 pages.
const READ_BYTES: usize = 64 << 10;

/// Bounds of what is remembered, in threads.
const LEAST_SLOTS: u32 = 1 << 12;
const MOST_SLOTS: u32 = 1 << 17;

/// The program in the kernel. Dropping it takes it out again.
pub struct ProcessTable {
    program: RunningProgram,
    link: OwnedFd,
    buffer: Vec<u8>,
}

impl ProcessTable {
    /// Loads the program. A process that has not run has a whole row at least every `refresh`.
    ///
    /// # Errors
    /// When this kernel does not take the program or does not let this process; the error says
    /// which.
    pub fn start(refresh: Duration) -> Result<ProcessTable, FeatureError> {
        ProcessTable::start_with(refresh, slots())
    }

    /// The same, which remembers so many threads.
    fn start_with(refresh: Duration, slots: u32) -> Result<ProcessTable, FeatureError> {
        let kernel = KernelTypes::get()?;
        let Some(types) = kernel.btf() else {
            return Err(FeatureError::NoTypes("kernel BTF already released".to_owned()));
        };
        let refresh_ns = u64::try_from(refresh.as_nanos()).unwrap_or(u64::MAX);
        // The loader wants them for as long as it lives; there are two words a start.
        let (refresh_ns, slots) = (&*Box::leak(Box::new(refresh_ns)), &*Box::leak(Box::new(slots)));
        let object = kernel.with_loader(|loader| {
            loader
                .map_max_entries("seen", 2 * *slots)
                .override_global("refresh_ns", refresh_ns, false)
                .override_global("slots", slots, false)
                .load(OBJECT)
        });
        let none = || FeatureError::NoTypes("kernel BTF already released".to_owned());
        let mut object = object.ok_or_else(none)??;
        let iterator: &mut Iter = find(&mut object, PROGRAM)?;
        iterator.load("task", types).map_err(|error| FeatureError::from_program(PROGRAM, error))?;
        let fd = program_fd(&object, PROGRAM)?;
        let link = sys::link_iterator(fd.as_fd(), None)
            .map_err(|error| FeatureError::Load(format!("iterator over tasks: {error}")))?;
        let program = RunningProgram::new(PROGRAM, fd);
        Ok(ProcessTable { program, link, buffer: vec![0; READ_BYTES] })
    }

    /// The program that runs.
    pub fn program(&self) -> &RunningProgram {
        &self.program
    }

    /// Hands out the rows of all processes and threads as they are now, by the number of the
    /// thread.
    ///
    /// # Errors
    /// What the kernel answered. The rows that were not handed out are not written again, so start
    /// anew.
    pub fn rows(&mut self, mut row: impl FnMut(Row<'_>)) -> io::Result<()> {
        read_through(self.link.as_fd(), &mut self.buffer, |bytes| rows_of(bytes, &mut row))
    }
}

/// Threads that are remembered from one pass to the next, at 64 bytes each: twice as many as there
/// are.
fn slots() -> u32 {
    // The fourth word is how many run, a slash, and how many there are.
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let threads = text.split_whitespace().nth(3).and_then(|word| word.split('/').nth(1));
    let threads: u32 = threads.and_then(|threads| threads.parse().ok()).unwrap_or_default();
    threads.saturating_mul(2).clamp(LEAST_SLOTS, MOST_SLOTS).next_power_of_two()
}

#[cfg(test)]
mod tests;
