//! The sources: where data comes from. One file (or folder) a source, one line in [`SOURCES`].
//!
//! To add a source, write its file in the folder of what it is about, with a
//! `pub const SOURCE: Descriptor`, and name it in [`SOURCES`]. Configuration, `check`, the
//! documentation of tables and the actor that runs it all follow from the descriptor.

mod cgroup;
mod cpu;
mod ebpf;
mod keyed_file;
mod line_file;
mod memory;
mod network;
mod own;
mod process;
mod sensor;
mod storage;

use crate::source::Descriptor;
use std::sync::LazyLock;

/// Every source, in the order in which people want to see them.
pub static SOURCES: LazyLock<Vec<&'static Descriptor>> =
    LazyLock::new(|| OF_FILES.iter().copied().chain(ebpf::descriptors()).collect());

/// Those that are written here. The others are the features of the crate of eBPF programs.
static OF_FILES: &[&Descriptor] = &[
    &cpu::cpus::SOURCE,
    &cpu::stat::SOURCE,
    &cpu::interrupts::SOURCE,
    &cpu::loadavg::SOURCE,
    &memory::meminfo::SOURCE,
    &memory::vmstat::SOURCE,
    &storage::diskstats::SOURCE,
    &storage::filesystem::SOURCE,
    &storage::kernel_table::SOURCE,
    &network::netdev::SOURCE,
    &network::netstat::SOURCE,
    &network::sockstat::SOURCE,
    &cpu::pressure::SOURCE,
    &process::SOURCE,
    &cgroup::SOURCE,
    &memory::numa::SOURCE,
    &network::infiniband::SOURCE,
    &sensor::hwmon::SOURCE,
    &sensor::frequency::SOURCE,
    &sensor::energy::SOURCE,
    &own::mark::SOURCE,
    &own::trigger::SOURCE,
    &own::recorder::SOURCE,
    &own::ebpf_program::SOURCE,
];
