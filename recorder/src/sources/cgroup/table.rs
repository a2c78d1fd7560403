//! The table `cgroup`: its columns, and a group as a row of it.

use super::group::Group;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit::{BYTES, COUNT, NS};
use nodemon_formats::{ColumnType, Schema};

/// The step in which version 2 counts time.
const MICROSECOND: u64 = 1_000;

/// The schema.
pub fn schema() -> Schema {
    use ColumnType::{F64, U64};
    Schema::sample(
        "cgroup",
        "/sys/fs/cgroup",
        "Every control group, with all groups in it. Of a group in which nothing ran since the \
         sample before, all but the CPU time is up to 10 s old (reclaimed memory, pages written \
         back later, pressure while everything is stuck); limits always are. A group of the same \
         path in several hierarchies of version 1 is one row; what has no controller is absent.",
    )
    .key("path", ColumnType::String, "its path below the root of the hierarchy")
    .state("id", U64, "its number in version 2, as in the column cgroup_id of other tables")
    .state("runtime", ColumnType::String, "docker, containerd, cri-o, podman, lxc, if it says so")
    .state("container_id", ColumnType::String, "the container that it is of, or within")
    .state("pod_uid", ColumnType::String, "the pod of Kubernetes that it is of, or within")
    .counter("cpu_ns", NS, "CPU time (v2 cpu.stat usage_usec; v1 cpuacct.usage, exact)")
    .counted_in(MICROSECOND)
    .counter("cpu_user_ns", NS, "CPU time in user code (user_usec; cpuacct.usage_user)")
    .counted_in(MICROSECOND)
    .counter("cpu_system_ns", NS, "CPU time in the kernel (system_usec; cpuacct.usage_sys)")
    .counted_in(MICROSECOND)
    .counter("cpu_periods", COUNT, "periods of its CPU quota (cpu.stat nr_periods)")
    .counter("cpu_throttled_periods", COUNT, "periods in which the quota was used up")
    .counter("cpu_throttled_ns", NS, "time that its CPUs were stopped for that, summed over CPUs")
    .counted_in(MICROSECOND)
    .gauge(
        "cpu_limit",
        F64,
        COUNT,
        "CPU quota, in CPUs (cpu.max; cpu.cfs_quota_us); absent without one",
    )
    .gauge("memory_bytes", U64, BYTES, "memory (memory.current; memory.usage_in_bytes)")
    .gauge("memory_limit_bytes", U64, BYTES, "the most it may use; absent without a limit")
    .gauge("swap_bytes", U64, BYTES, "swap (memory.swap.current; memory.stat total_swap)")
    .gauge("anon_bytes", U64, BYTES, "memory that belongs to no file (anon; total_rss)")
    .gauge("file_bytes", U64, BYTES, "page cache, shmem included (file; total_cache)")
    .gauge("shmem_bytes", U64, BYTES, "tmpfs and shared memory (shmem; total_shmem)")
    .gauge("kernel_bytes", U64, BYTES, "memory of the kernel (kernel; memory.kmem.usage_in_bytes)")
    .counter("faults", COUNT, "page faults (pgfault; total_pgfault)")
    .counter("major_faults", COUNT, "page faults that waited for I/O (pgmajfault)")
    .counter("memory_high_events", COUNT, "times held back above memory.high (v2 only)")
    .counter("memory_max_events", COUNT, "times at the limit (memory.events max; memory.failcnt)")
    .counter("oom_kills", COUNT, "processes that the OOM killer killed (oom_kill)")
    .counter(
        "read_bytes",
        BYTES,
        "read from disks; of layers (LVM, LUKS, RAID) only the lowest counts (io.stat; \
         blkio.throttle.io_service_bytes, kept by version 1 where a throttle rule is)",
    )
    .counter("write_bytes", BYTES, "written to disks")
    .counter("reads", COUNT, "reads from disks (io.stat; blkio.throttle.io_serviced)")
    .counter("writes", COUNT, "writes to disks")
    .gauge("pids", U64, COUNT, "processes and threads (pids.current)")
    .gauge("pids_limit", U64, COUNT, "the most it may have; absent without a limit")
    .counter("cpu_some_ns", NS, "time that some task waited for a CPU (v2 only, cpu.pressure)")
    .counted_in(MICROSECOND)
    .counter("memory_some_ns", NS, "time that some task waited for memory (memory.pressure)")
    .counted_in(MICROSECOND)
    .counter("memory_full_ns", NS, "time that all tasks waited for memory")
    .counted_in(MICROSECOND)
    .counter("io_some_ns", NS, "time that some task waited for I/O (io.pressure)")
    .counted_in(MICROSECOND)
    .counter("io_full_ns", NS, "time that all tasks waited for I/O")
    .counted_in(MICROSECOND)
}

/// Adds the row of the group at `path`.
pub fn push(table: &mut RecordBuilder, group: &Group) {
    let Group { path, id, container, values, .. } = group;
    table.instance(|key| key.bytes(path));
    table.opt_u64(*id);
    for text in [container.runtime, &container.id, &container.pod] {
        match text {
            "" => table.absent(),
            text => table.str(text),
        }
    }
    table.opt_u64(values.cpu_ns);
    table.opt_u64(values.cpu_user_ns);
    table.opt_u64(values.cpu_system_ns);
    table.opt_u64(values.cpu_periods);
    table.opt_u64(values.cpu_throttled_periods);
    table.opt_u64(values.cpu_throttled_ns);
    match values.cpu_limit {
        Some(limit) => table.f64(limit),
        None => table.absent(),
    }
    table.opt_u64(values.memory_bytes);
    table.opt_u64(values.memory_limit_bytes);
    table.opt_u64(values.swap_bytes);
    table.opt_u64(values.anon_bytes);
    table.opt_u64(values.file_bytes);
    table.opt_u64(values.shmem_bytes);
    table.opt_u64(values.kernel_bytes);
    table.opt_u64(values.faults);
    table.opt_u64(values.major_faults);
    table.opt_u64(values.memory_high_events);
    table.opt_u64(values.memory_max_events);
    table.opt_u64(values.oom_kills);
    table.opt_u64(values.read_bytes);
    table.opt_u64(values.write_bytes);
    table.opt_u64(values.reads);
    table.opt_u64(values.writes);
    table.opt_u64(values.pids);
    table.opt_u64(values.pids_limit);
    table.opt_u64(values.cpu_some_ns);
    table.opt_u64(values.memory_some_ns);
    table.opt_u64(values.memory_full_ns);
    table.opt_u64(values.io_some_ns);
    table.opt_u64(values.io_full_ns);
}
