//! The layout of the ring, as `kmod/nodemon_ring.h` lays it down. A test holds the two together.

/// `NODEMON_RING_MAGIC`.
pub const MAGIC: u64 = 0x526e_6f6d_6564_6f6e;
/// `NODEMON_RING_VERSION`.
pub const VERSION: u32 = 1;
/// `NODEMON_ELEMENT_BYTES`: the size of each of the structures below.
pub const ELEMENT_BYTES: usize = 160;
/// Words of 8 bytes in an element.
pub const ELEMENT_WORDS: usize = ELEMENT_BYTES / 8;

/// States of a CPU, in the order of `enum nodemon_state`, which is that of `/proc/stat`.
pub const STATES: usize = 10;
/// `NODEMON_IDLE`.
pub const IDLE: usize = 3;
/// `NODEMON_IOWAIT`.
pub const IOWAIT: usize = 4;
/// `NODEMON_SOFTIRQS`.
pub const SOFTIRQS: usize = 10;

/// `NODEMON_PRODUCER_MODULE`.
pub const PRODUCER_MODULE: u32 = 1;
/// `NODEMON_PRODUCER_EBPF`.
pub const PRODUCER_EBPF: u32 = 2;

/// `NODEMON_HAS_STATES`.
pub const HAS_STATES: u64 = 1 << 0;
/// `NODEMON_HAS_IDLE`.
pub const HAS_IDLE: u64 = 1 << 1;
/// `NODEMON_HAS_SOFTIRQS`.
pub const HAS_SOFTIRQS: u64 = 1 << 2;
/// `NODEMON_HAS_IRQS`.
pub const HAS_IRQS: u64 = 1 << 3;
/// `NODEMON_HAS_SWITCHES`.
pub const HAS_SWITCHES: u64 = 1 << 4;
/// `NODEMON_HAS_RUNNING`.
pub const HAS_RUNNING: u64 = 1 << 5;
/// `NODEMON_HAS_LOAD`.
pub const HAS_LOAD: u64 = 1 << 6;
/// `NODEMON_HAS_MEMORY`.
pub const HAS_MEMORY: u64 = 1 << 7;
/// `NODEMON_HAS_PAGE_CACHE`.
pub const HAS_PAGE_CACHE: u64 = 1 << 8;

/// `NODEMON_CPU_ONLINE`.
pub const CPU_ONLINE: u32 = 1 << 0;

/// `struct nodemon_ring_header`: its place is the start of the ring.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RingHeader {
    /// [`MAGIC`], written last.
    pub magic: u64,
    /// [`VERSION`].
    pub version: u32,
    /// [`ELEMENT_BYTES`].
    pub element_bytes: u32,
    /// Bytes from the start to slot 0.
    pub slots_offset: u32,
    /// A power of two.
    pub slots: u32,
    /// CPUs in a slot.
    pub cpus: u32,
    /// [`PRODUCER_MODULE`] or [`PRODUCER_EBPF`].
    pub producer: u32,
    /// Between two samples.
    pub interval_ns: u64,
    /// What the producer has: `HAS_*`.
    pub present: u64,
    /// `CLOCK_MONOTONIC` of its start.
    pub started_ns: u64,
    /// The kernel's tick, 0 if unknown.
    pub tick_ns: u32,
    /// The step in which idle and iowait are counted.
    pub idle_quantum_ns: u32,
    /// The step in which the other states are counted.
    pub state_quantum_ns: u32,
    /// What [`RingSlot`]'s pages count in.
    pub page_bytes: u32,
    /// The CPU that samples now.
    pub timer_cpu: u32,
    /// Nothing yet.
    pub reserved0: u32,
    /// Samples written since the start.
    pub written: u64,
    /// Deadlines that passed without a sample.
    pub missed: u64,
    /// Time spent sampling since the start.
    pub cost_ns: u64,
    /// Nothing yet.
    pub reserved1: [u64; 7],
}

/// `struct nodemon_slot`: what a sample begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RingSlot {
    /// Of position p: 2p + 1 while it is written, then 2p + 2.
    pub sequence: u64,
    /// `CLOCK_MONOTONIC` at the start of the sample.
    pub monotonic_ns: u64,
    /// `CLOCK_BOOTTIME` at the same instant.
    pub boottime_ns: u64,
    /// [`RingHeader::missed`] when it was taken.
    pub missed: u64,
    /// What the sample before this one took.
    pub cost_ns: u32,
    /// Nothing yet.
    pub reserved0: u32,
    /// Load averages over 1, 5 and 15 minutes, in 1/2048.
    pub load: [u64; 3],
    /// Pages that the kernel manages.
    pub pages_total: u64,
    /// Free pages.
    pub pages_free: u64,
    /// Pages of block device buffers.
    pub pages_buffers: u64,
    /// Pages of shared memory.
    pub pages_shared: u64,
    /// Pages of files: page cache, buffers, shared memory.
    pub pages_file: u64,
    /// Pages that wait to be written.
    pub pages_dirty: u64,
    /// Pages that are being written.
    pub pages_writeback: u64,
    /// Pages of processes without a file behind them.
    pub pages_anon: u64,
    /// Nothing yet.
    pub reserved1: [u64; 4],
}

/// `struct nodemon_cpu`: a CPU in a sample.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RingCpu {
    /// Time in each state since boot.
    pub states_ns: [u64; STATES],
    /// Hard interrupts served since boot.
    pub irqs: u64,
    /// Context switches since boot.
    pub switches: u64,
    /// Softirqs of each vector served since boot; these wrap.
    pub softirqs: [u32; SOFTIRQS],
    /// Tasks that run or are ready to.
    pub running: u32,
    /// `CPU_*`.
    pub flags: u32,
    /// Nothing yet.
    pub reserved0: [u64; 2],
}

impl RingCpu {
    /// Whether its figures count.
    pub fn is_online(&self) -> bool {
        self.flags & CPU_ONLINE != 0
    }
}

const _: () = assert!(
    size_of::<RingHeader>() == ELEMENT_BYTES
        && size_of::<RingSlot>() == ELEMENT_BYTES
        && size_of::<RingCpu>() == ELEMENT_BYTES
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{RingCpu, RingHeader, RingSlot};
    use std::collections::BTreeMap;
    use std::fmt::Write as _;
    use std::mem::offset_of;
    use std::process::Command;

    /// What `kmod/nodemon_ring.h` says of each of `expressions`, as the C compiler sees it.
    fn as_c_has_it(expressions: &[String]) -> BTreeMap<String, u64> {
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../kmod/nodemon_ring.h");
        let mut program =
            format!("#include \"{header}\"\n#include <stddef.h>\n#include <stdio.h>\n");
        program.push_str("int main(void) {\n");
        for expression in expressions {
            writeln!(program, "printf(\"%llu\\n\", (unsigned long long)({expression}));").unwrap();
        }
        program.push_str("return 0; }\n");
        let dir = tempfile::tempdir().unwrap();
        let (source, binary) = (dir.path().join("ring.c"), dir.path().join("ring"));
        std::fs::write(&source, program).unwrap();
        let compiler = Command::new("cc").arg("-o").arg(&binary).arg(&source).output().unwrap();
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        let printed = String::from_utf8(Command::new(&binary).output().unwrap().stdout).unwrap();
        let values = printed.lines().map(|line| line.parse().unwrap());
        expressions.iter().cloned().zip(values).collect()
    }

    macro_rules! fields {
        ($rust:ty, $c:literal: $($field:ident)*) => {
            vec![$((
                format!("offsetof({}, {})", $c, stringify!($field)),
                offset_of!($rust, $field) as u64,
            )),*]
        };
    }

    #[test]
    fn the_rust_view_of_the_ring_is_that_of_the_header() {
        let mut ours = fields!(RingHeader, "struct nodemon_ring_header":
            magic version element_bytes slots_offset slots cpus producer interval_ns present
            started_ns tick_ns idle_quantum_ns state_quantum_ns page_bytes timer_cpu written
            missed cost_ns);
        ours.extend(fields!(RingSlot, "struct nodemon_slot":
            sequence monotonic_ns boottime_ns missed cost_ns load pages_total pages_free
            pages_buffers pages_shared pages_file pages_dirty pages_writeback pages_anon));
        ours.extend(fields!(RingCpu, "struct nodemon_cpu":
            states_ns irqs switches softirqs running flags));
        let size = |name: &str| format!("sizeof(struct {name})");
        ours.extend([
            (size("nodemon_ring_header"), size_of::<RingHeader>() as u64),
            (size("nodemon_slot"), size_of::<RingSlot>() as u64),
            (size("nodemon_cpu"), size_of::<RingCpu>() as u64),
        ]);
        let constants: [(&str, u64); 20] = [
            ("NODEMON_RING_MAGIC", super::MAGIC),
            ("NODEMON_RING_VERSION", super::VERSION.into()),
            ("NODEMON_ELEMENT_BYTES", super::ELEMENT_BYTES as u64),
            ("NODEMON_STATES", super::STATES as u64),
            ("NODEMON_IDLE", super::IDLE as u64),
            ("NODEMON_IOWAIT", super::IOWAIT as u64),
            ("NODEMON_GUEST_NICE", super::STATES as u64 - 1),
            ("NODEMON_SOFTIRQS", super::SOFTIRQS as u64),
            ("NODEMON_PRODUCER_MODULE", super::PRODUCER_MODULE.into()),
            ("NODEMON_PRODUCER_EBPF", super::PRODUCER_EBPF.into()),
            ("NODEMON_HAS_STATES", super::HAS_STATES),
            ("NODEMON_HAS_IDLE", super::HAS_IDLE),
            ("NODEMON_HAS_SOFTIRQS", super::HAS_SOFTIRQS),
            ("NODEMON_HAS_IRQS", super::HAS_IRQS),
            ("NODEMON_HAS_SWITCHES", super::HAS_SWITCHES),
            ("NODEMON_HAS_RUNNING", super::HAS_RUNNING),
            ("NODEMON_HAS_LOAD", super::HAS_LOAD),
            ("NODEMON_HAS_MEMORY", super::HAS_MEMORY),
            ("NODEMON_HAS_PAGE_CACHE", super::HAS_PAGE_CACHE),
            ("NODEMON_CPU_ONLINE", super::CPU_ONLINE.into()),
        ];
        ours.extend(constants.map(|(name, value)| (name.to_owned(), value)));
        let names: Vec<String> = ours.iter().map(|(name, _)| name.clone()).collect();
        let theirs = as_c_has_it(&names);
        for (name, ours) in ours {
            assert_eq!(ours, theirs[&name], "{name}: here and in kmod/nodemon_ring.h");
        }
    }
}
