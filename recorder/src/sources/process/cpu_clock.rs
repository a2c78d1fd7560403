//! The CPU-time clock of another process: one system call, no text, exact to the nanosecond.
//!
//! This is the only `unsafe` of the sources. The clocks of `clock_gettime(2)` that belong to a
//! process are numbered by its pid, and no safe wrapper takes such a number.

use libc::{clock_gettime, clockid_t, timespec};

/// What clock_getcpuclockid(3) computes: `MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)` of the
/// kernel's `include/linux/posix-timers.h`.
fn clock_of(pid: u32) -> clockid_t {
    const SCHED: clockid_t = 2;
    (!pid.cast_signed() << 3) | SCHED
}

/// CPU time of all threads of a process together, those that ended included, in ns: the sum of
/// their `sum_exec_runtime`. `None` when there is no process of that pid (in the pid namespace of
/// the caller). Anyone may ask for any process.
///
/// A thread that runs right now on another CPU is counted up to its last tick.
pub fn cpu_ns(pid: u32) -> Option<u64> {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the whole call, and the kernel writes
    // nothing else. Any clock number is allowed; one that names no clock is answered by EINVAL.
    let answer = unsafe { clock_gettime(clock_of(pid), &raw mut time) };
    if answer != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::cpu_ns;
    use rustix::time::{ClockId, clock_gettime};
    use std::time::{Duration, Instant};

    #[test]
    fn our_own_clock_is_the_process_clock_and_counts_threads_that_ended() {
        let own = || {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
        };
        let burnt = std::thread::spawn(|| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {}
        });
        burnt.join().unwrap();
        let before = own();
        let asked = cpu_ns(std::process::id()).unwrap();
        let after = own();
        assert!(before <= asked && asked <= after, "{before} <= {asked} <= {after}");
    }

    #[test]
    fn a_process_that_is_gone_has_no_clock() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(cpu_ns(pid), None);
    }
}
