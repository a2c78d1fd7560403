//! Reads the ring by mapping it, as the recorder does.

use crate::layout::{ELEMENT, cpu, header, slot};
use memmap2::{Mmap, MmapOptions};
use nodemon_recorder_ebpf::timer::TimerRing;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

/// A mapped ring.
pub struct Ring {
    map: Mmap,
    slots: u64,
    pub cpus: usize,
}

/// One sample, copied whole.
#[derive(Clone, Debug)]
pub struct Sample {
    pub position: u64,
    pub monotonic_ns: u64,
    pub boottime_ns: u64,
    pub missed: u64,
    pub cost_ns: u32,
    pub cpus: Vec<Cpu>,
}

/// One CPU of a sample.
#[derive(Clone, Debug)]
pub struct Cpu {
    pub states_ns: [u64; 10],
    pub irqs: u64,
    pub switches: u64,
    pub softirqs: [u32; 10],
    pub running: u32,
    pub flags: u32,
}

impl Cpu {
    /// Idle and iowait together, which never go back.
    pub fn idle_ns(&self) -> u64 {
        self.states_ns[crate::layout::IDLE] + self.states_ns[crate::layout::IOWAIT]
    }

    pub fn is_online(&self) -> bool {
        self.flags & 1 == 1
    }
}

impl Ring {
    pub fn map(timer: &TimerRing) -> Ring {
        let mut options = MmapOptions::new();
        let options = options.len(timer.len_bytes());
        // SAFETY: the descriptor is a map of the kernel that nothing truncates; the memory is read
        // through atomics only, because the kernel writes to it.
        let map = unsafe { options.map(timer.map_fd().as_raw_fd()) }.unwrap();
        let mut ring = Ring { map, slots: 0, cpus: 0 };
        ring.slots = u64::from(ring.header_u32(header::SLOTS));
        ring.cpus = ring.header_u32(header::CPUS) as usize;
        ring
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.map.len());
        // SAFETY: within the mapping, and aligned because the mapping starts a page.
        unsafe { &*self.map.as_ptr().add(at).cast::<AtomicU64>() }
    }

    pub fn header_u64(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    pub fn header_u32(&self, at: usize) -> u32 {
        let word = self.word(at / 8 * 8).load(Ordering::Acquire).to_ne_bytes();
        u32::from_ne_bytes(word[at % 8..][..4].try_into().unwrap())
    }

    pub fn written(&self) -> u64 {
        self.header_u64(header::WRITTEN)
    }

    /// The sample of `position`; `None` if it was overwritten before or while it was read.
    pub fn sample(&self, position: u64) -> Option<Sample> {
        let bytes = (1 + self.cpus) * ELEMENT;
        let start = self.header_u32(header::SLOTS_OFFSET) as usize
            + (position & (self.slots - 1)) as usize * bytes;
        let sequence = self.word(start + slot::SEQUENCE);
        if sequence.load(Ordering::Acquire) != 2 * position + 2 {
            return None;
        }
        let words = (0..bytes / 8).map(|word| self.word(start + word * 8).load(Ordering::Relaxed));
        let copy: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        fence(Ordering::Acquire);
        (sequence.load(Ordering::Relaxed) == 2 * position + 2)
            .then(|| Sample::from_bytes(position, &copy))
    }

    /// All samples of the next `time`, none left out. Panics if one was overwritten.
    pub fn collect(&self, time: Duration) -> Vec<Sample> {
        let end = Instant::now() + time;
        self.collect_while(|| Instant::now() < end)
    }

    /// The same for as long as `go_on` says.
    pub fn collect_while(&self, go_on: impl Fn() -> bool) -> Vec<Sample> {
        let mut next = self.written();
        let mut samples = Vec::new();
        while go_on() {
            std::thread::sleep(Duration::from_millis(5));
            let written = self.written();
            let sample = |position| self.sample(position);
            samples.extend((next..written).map(sample).map(Option::unwrap));
            next = written;
        }
        samples
    }

    /// The sample that is written next: it sees everything that was done before the call.
    pub fn after(&self) -> Sample {
        // The one that is being written now may have read some CPUs already.
        let position = self.written() + 1;
        let end = Instant::now() + Duration::from_secs(10);
        while self.written() <= position {
            assert!(Instant::now() < end, "the timer does not run");
            std::thread::sleep(Duration::from_micros(200));
        }
        self.sample(position).unwrap()
    }

    /// The last sample that is complete.
    pub fn last(&self) -> Sample {
        while self.written() == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
        self.sample(self.written() - 1).unwrap()
    }
}

impl Sample {
    fn from_bytes(position: u64, bytes: &[u8]) -> Sample {
        Sample {
            position,
            monotonic_ns: u64_at(bytes, slot::MONOTONIC_NS),
            boottime_ns: u64_at(bytes, slot::BOOTTIME_NS),
            missed: u64_at(bytes, slot::MISSED),
            cost_ns: u32_at(bytes, slot::COST_NS),
            cpus: bytes[ELEMENT..].chunks_exact(ELEMENT).map(Cpu::from_bytes).collect(),
        }
    }
}

impl Cpu {
    fn from_bytes(bytes: &[u8]) -> Cpu {
        Cpu {
            states_ns: std::array::from_fn(|state| u64_at(bytes, cpu::STATES_NS + 8 * state)),
            irqs: u64_at(bytes, cpu::IRQS),
            switches: u64_at(bytes, cpu::SWITCHES),
            softirqs: std::array::from_fn(|vector| u32_at(bytes, cpu::SOFTIRQS + 4 * vector)),
            running: u32_at(bytes, cpu::RUNNING),
            flags: u32_at(bytes, cpu::FLAGS),
        }
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..][..8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap())
}
