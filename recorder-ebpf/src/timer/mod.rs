//! A timer in the kernel that samples every CPU, and the ring that it fills.
//!
//! The program is `bpf/timer.bpf.c`, the layout of the ring `kmod/nodemon_ring.h`. What is read,
//! where from, and what this producer does not have (`header.present` says it too):
//!
//! | in the ring | read from | |
//! | --- | --- | --- |
//! | `states_ns` | `kernel_cpustat` | as the kernel accounts: by the tick |
//! | idle, iowait | `tick_sched`; `kernel_cpustat` from 7.2 on | read off the clock, to the ns; from 7.2 on by the tick, as the kernel does |
//! | `softirqs`, `irqs` | `kstat` | `irqs` are those of devices: on x86 neither local timers nor calls between CPUs |
//! | `switches`, `running` | `runqueues` | |
//! | `NODEMON_CPU_ONLINE` | `cpuhp_state` | |
//! | `load`, memory, page cache | absent | plain variables, which the kernel's BTF gives no address of |
//!
//! Idle and iowait follow `/proc/stat`, but for what they owe to be counters: each only grows, also
//! when the kernel takes a sleep from one for the other or starts from 0 for a CPU that was offline.
//! Both together never grow by more than the time that passed, where they are read off the clock.
//!
//! On a CPU with `nohz_full` the kernel accounts when a task enters or leaves it; what is not
//! accounted for yet is in `/proc/stat` and not here.

mod error;
mod host;
mod program;

pub use crate::percpu::BtfError;
pub use error::TimerError;

use crate::allocator;
use aya::Ebpf;
use aya::maps::MapData;
use program::Loaded;
use std::os::fd::{AsFd, BorrowedFd};

/// How the timer runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerOptions {
    /// Time between two samples: 100 µs to 1 s.
    pub interval_ns: u64,
    /// Samples that the ring holds before the oldest is overwritten: a power of two.
    pub slots: u32,
    /// The CPU that samples. Kernels before 6.7 cannot pin a timer, and may move it to a CPU that
    /// is awake while this one is idle; when it goes offline the timer moves. `None` leaves both
    /// to the kernel. The ring's header says where it is.
    pub cpu: Option<u32>,
}

impl TimerOptions {
    /// Shortest and longest time between two samples, as for the kernel module.
    pub const INTERVAL_NS: std::ops::RangeInclusive<u64> = 100_000..=1_000_000_000;

    fn check(&self) -> Result<(), TimerError> {
        if !Self::INTERVAL_NS.contains(&self.interval_ns) {
            return Err(TimerError::Setting(format!(
                "an interval of {} ns is not between 100 µs and 1 s",
                self.interval_ns
            )));
        }
        if !self.slots.is_power_of_two() || self.slots < 2 {
            return Err(TimerError::Setting(format!(
                "{} slots are not a power of two of at least 2",
                self.slots
            )));
        }
        Ok(())
    }
}

/// A running timer. Dropping it stops the timer and frees the ring, once it is not mapped either;
/// so does the end of the process, whatever ends it.
#[derive(Debug)]
pub struct TimerRing {
    programs: Ebpf,
    ring: MapData,
    len_bytes: usize,
}

impl TimerRing {
    /// Loads the programs, starts the timer and returns when the ring's header is complete.
    ///
    /// Takes some 30 MB for a moment to read the kernel's BTF, and gives the heap's free pages
    /// back to the kernel at the end.
    ///
    /// # Errors
    /// When this kernel, this process or the options do not allow it; the error says which.
    pub fn start(options: &TimerOptions) -> Result<TimerRing, TimerError> {
        options.check()?;
        let started = Loaded::load(options).and_then(|loaded| loaded.start(options.cpu));
        allocator::give_back();
        started
    }

    /// The map of the ring, to be mapped with `PROT_READ` and `MAP_SHARED`. It stays valid while
    /// this lives; a mapping stays readable after that, and does not change any more.
    pub fn map_fd(&self) -> BorrowedFd<'_> {
        self.ring.fd().as_fd()
    }

    /// Bytes of the ring, header and all.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Looks again for CPUs that came online since the start. Needed for those that were offline
    /// then, and only where the kernel does not keep the runqueues of all CPUs in one array (7.2);
    /// such a CPU is flagged offline until this is called. A CPU that is plugged in after the start
    /// has no place in the ring: that takes a new one. Takes `CAP_BPF`.
    ///
    /// # Errors
    /// When the kernel does not let the program run.
    pub fn learn_cpus(&mut self) -> Result<(), TimerError> {
        program::learn(&mut self.programs)
    }
}
