//! What the program has to be told about the machine.

use super::TimerError;
use crate::percpu;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_getres};
use std::io;

/// CPUs that are plugged in. Those that may be one day are often many more, and each would take
/// room in every slot and time in every sample.
const PRESENT: &str = "/sys/devices/system/cpu/present";
/// CPUs that run.
const ONLINE: &str = "/sys/devices/system/cpu/online";

/// Bytes from the runqueue of a CPU to others of its variables; 0 where there is no such variable,
/// which none is away from its runqueue.
#[derive(Default)]
pub(super) struct Distances {
    pub to_cpustat: i64,
    pub to_kstat: i64,
    pub to_tick_sched: i64,
    pub to_hotplug: i64,
}

/// Looks them up in the kernel's BTF.
pub(super) fn distances() -> Result<Distances, TimerError> {
    let names = ["runqueues", "kernel_cpustat", "kstat", "tick_cpu_sched", "cpuhp_state"];
    let [runqueue, cpustat, kstat, tick_sched, hotplug] = percpu::offsets(names)?;
    let Some(runqueue) = runqueue else { return Ok(Distances::default()) };
    let away = |other: Option<u32>| other.map_or(0, |at| i64::from(at) - i64::from(runqueue));
    Ok(Distances {
        to_cpustat: away(cpustat),
        to_kstat: away(kstat),
        to_tick_sched: away(tick_sched),
        to_hotplug: away(hotplug),
    })
}

/// One more than the highest CPU that is plugged in.
pub(super) fn cpu_ids() -> Result<u32, TimerError> {
    let present = list(PRESENT)?;
    present.iter().max().map(|last| last + 1).ok_or_else(|| strange(PRESENT))
}

/// The CPUs that are online.
pub(super) fn online_cpus() -> Result<Vec<u32>, TimerError> {
    list(ONLINE)
}

fn list(path: &'static str) -> Result<Vec<u32>, TimerError> {
    let text = std::fs::read_to_string(path).map_err(|source| TimerError::Read { path, source })?;
    parse_list(text.trim()).ok_or_else(|| strange(path))
}

fn strange(path: &'static str) -> TimerError {
    let source = io::Error::new(io::ErrorKind::InvalidData, "it is no list of CPUs");
    TimerError::Read { path, source }
}

/// A list as the kernel prints it: `0-3,8,10-11`.
fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        // The kernel's own limit is 8192.
        if last >= 1 << 20 {
            return None;
        }
        cpus.extend::<std::ops::RangeInclusive<u32>>(first..=last);
    }
    Some(cpus)
}

/// The kernel's tick: what its coarse clocks advance by.
pub(super) fn tick_ns() -> u32 {
    let tick = clock_getres(ClockId::MonotonicCoarse);
    u32::try_from(tick.tv_sec * 1_000_000_000 + tick.tv_nsec).unwrap_or(0)
}

/// What memory is counted in.
pub(super) fn page_bytes() -> u32 {
    u32::try_from(rustix::param::page_size()).unwrap_or(0)
}

/// Runs `work` on `cpu`, in a thread of its own: where the caller's runs is not touched.
pub(super) fn on_cpu<T: Send>(
    cpu: u32,
    work: impl FnOnce() -> Result<T, TimerError> + Send,
) -> Result<T, TimerError> {
    let failed = |source: io::Error| TimerError::Cpu { cpu, source };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("nodemon-timer".to_owned());
        let started = thread.spawn_scoped(scope, || {
            let which = usize::try_from(cpu).ok().filter(|&cpu| cpu < CpuSet::MAX_CPU);
            let which = which.ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
            let mut set = CpuSet::new();
            set.set(which);
            sched_setaffinity(None, &set).map_err(|error| failed(error.into()))?;
            work()
        });
        let ended = started.map_err(failed)?.join();
        ended.unwrap_or_else(|_| Err(failed(io::Error::other("the thread there panicked"))))
    })
}

#[cfg(test)]
mod tests {
    use super::parse_list;

    #[test]
    fn lists_of_cpus_are_read_as_the_kernel_prints_them() {
        assert_eq!(parse_list("0"), Some(vec![0]));
        assert_eq!(parse_list("0-2,8,10-11"), Some(vec![0, 1, 2, 8, 10, 11]));
        assert_eq!(parse_list(""), Some(vec![]));
        assert_eq!(parse_list("0-x"), None);
        assert_eq!(parse_list("0-4294967295"), None);
    }
}
