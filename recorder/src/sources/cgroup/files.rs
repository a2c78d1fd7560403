//! The files of a control group, and when each is read.

use super::hierarchy::Part;
use super::values::Take;
use super::{version1, version2};

/// When a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At every sample: its CPU time says whether anything in the group ran.
    Always,
    /// When something ran, and at each refresh.
    Active,
    /// At each refresh: limits, which people set.
    Refresh,
}

/// One file of a group.
pub struct FileOf {
    /// Its name.
    pub name: &'static str,
    /// When it is read.
    pub when: When,
    /// What becomes of its text.
    pub take: Take,
    /// Whether its lines begin with the numbers of a device.
    pub is_by_device: bool,
}

const fn file(name: &'static str, when: When, take: Take) -> FileOf {
    FileOf { name, when, take, is_by_device: false }
}

const fn by_device(name: &'static str, take: Take) -> FileOf {
    FileOf { name, when: When::Active, take, is_by_device: true }
}

static UNIFIED: [FileOf; 13] = [
    file("cpu.stat", When::Always, version2::cpu_stat),
    file("memory.current", When::Active, version2::memory_current),
    file("memory.swap.current", When::Active, version2::memory_swap_current),
    file("memory.stat", When::Active, version2::memory_stat),
    file("memory.events", When::Active, version2::memory_events),
    by_device("io.stat", version2::io_stat),
    file("pids.current", When::Active, version2::pids_current),
    file("cpu.pressure", When::Active, version2::cpu_pressure),
    file("memory.pressure", When::Active, version2::memory_pressure),
    file("io.pressure", When::Active, version2::io_pressure),
    file("cpu.max", When::Refresh, version2::cpu_max),
    file("memory.max", When::Refresh, version2::memory_max),
    file("pids.max", When::Refresh, version2::pids_max),
];

static CPU: [FileOf; 3] = [
    file("cpu.stat", When::Active, version1::cpu_stat),
    file("cpu.cfs_quota_us", When::Refresh, version1::cpu_quota),
    file("cpu.cfs_period_us", When::Refresh, version1::cpu_period),
];

static CPUACCT: [FileOf; 3] = [
    file("cpuacct.usage", When::Always, version1::cpuacct_usage),
    file("cpuacct.usage_user", When::Active, version1::cpuacct_usage_user),
    file("cpuacct.usage_sys", When::Active, version1::cpuacct_usage_sys),
];

static MEMORY: [FileOf; 6] = [
    file("memory.usage_in_bytes", When::Active, version1::memory_usage),
    file("memory.stat", When::Active, version1::memory_stat),
    file("memory.failcnt", When::Active, version1::memory_failcnt),
    file("memory.oom_control", When::Active, version1::memory_oom_control),
    file("memory.kmem.usage_in_bytes", When::Active, version1::memory_kmem_usage),
    file("memory.limit_in_bytes", When::Refresh, version1::memory_limit),
];

static BLKIO: [FileOf; 2] = [
    by_device("blkio.throttle.io_service_bytes_recursive", version1::blkio_bytes),
    by_device("blkio.throttle.io_serviced_recursive", version1::blkio_operations),
];

static PIDS: [FileOf; 2] = [
    file("pids.current", When::Active, version1::pids_current),
    file("pids.max", When::Refresh, version1::pids_max),
];

/// The files that tell of `part`, those that are always read first.
pub fn for_part(part: Part) -> &'static [FileOf] {
    match part {
        Part::Unified => &UNIFIED,
        Part::Cpu => &CPU,
        Part::Cpuacct => &CPUACCT,
        Part::Memory => &MEMORY,
        Part::Blkio => &BLKIO,
        Part::Pids => &PIDS,
    }
}
