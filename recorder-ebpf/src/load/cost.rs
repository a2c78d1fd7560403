//! What programs cost, as the kernel measures it while somebody asks for it.

use crate::error::FeatureError;
use aya::programs::ProgramFd;
use aya::sys::{Stats, enable_stats};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A program in the kernel.
#[derive(Debug)]
pub struct RunningProgram {
    /// Its name in the object.
    pub name: &'static str,
    fd: ProgramFd,
}

impl RunningProgram {
    /// Holds a program.
    pub(crate) fn new(name: &'static str, fd: ProgramFd) -> RunningProgram {
        RunningProgram { name, fd }
    }

    /// Holds it once more; `None` when there are no descriptors left.
    pub fn try_clone(&self) -> Option<RunningProgram> {
        let fd = self.fd.try_clone().ok()?;
        Some(RunningProgram { name: self.name, fd })
    }

    /// How often it ran, and for how many nanoseconds, while [`Statistics`] were taken.
    /// `None` where the kernel does not say (before 5.1, or without procfs).
    pub fn cost(&self) -> Option<(u64, u64)> {
        let text = self.description()?;
        Some((field(&text, "run_cnt:")?, field(&text, "run_time_ns:")?))
    }

    /// How often the kernel passed it over because it was in the midst of running on the same CPU.
    /// `None` where the kernel does not say (before 5.12, or without procfs).
    pub fn skipped(&self) -> Option<u64> {
        field(&self.description()?, "recursion_misses:")
    }

    fn description(&self) -> Option<String> {
        let path = format!("/proc/self/fdinfo/{}", self.fd.as_fd().as_raw_fd());
        std::fs::read_to_string(path).ok()
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

/// While this lives the kernel takes the time of every eBPF program (`BPF_ENABLE_STATS`, 5.8),
/// which costs some 30 ns each time that one runs.
#[derive(Debug)]
pub struct Statistics {
    _enabled: OwnedFd,
}

impl Statistics {
    /// Has the kernel take them.
    ///
    /// # Errors
    /// When it does not, or does not let this process (`CAP_SYS_ADMIN`).
    pub fn enable() -> Result<Statistics, FeatureError> {
        let enabled = enable_stats(Stats::RunTime);
        let enabled = enabled.map_err(|error| FeatureError::Load(format!("{error}")))?;
        Ok(Statistics { _enabled: enabled })
    }
}
