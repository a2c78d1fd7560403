//! The table `process`: its columns, and a process as a row of it.

use super::tracked::Process;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics};

/// The units of the kernel's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// Nanoseconds of a tick (`USER_HZ`).
    pub tick_ns: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
}

impl Units {
    /// Those of this machine.
    pub fn here() -> Units {
        Units {
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        }
    }
}

/// The schema.
pub fn schema() -> Schema {
    use ColumnType::{I64, String, U64};
    let tick_ns = Units::here().tick_ns;
    let mut schema = Schema::sample(
        "process",
        "/proc/PID/{stat,status,io,cgroup,cmdline,schedstat}, clock_gettime(2), taskstats",
        "Every process, threads of the kernel included. What only the process itself can change is \
         read when it has run since the sample before. What others can change (rss, swap, nice, \
         processor, whether it became ready to run without getting a CPU) is up to 10 s old when \
         it has not run, its cgroup up to a minute. What starts and ends between two samples is \
         not seen.",
    );
    schema = schema.key("pid", U64, "number of the process");
    let start = "when it started, CLOCK_BOOTTIME; with the pid it tells processes apart for ever";
    let mut start = Column::new("start_ns", U64, Semantics::State, unit::NS, start);
    start.quantum = tick_ns;
    schema.keys.push(start);
    schema
        .state("command", String, "name of the program, as the kernel has it (comm)")
        .state(
            "cmdline",
            String,
            "command line since the last exec, cut at 256 bytes; empty for threads of the kernel",
        )
        .state(
            "state",
            String,
            "of the first thread: R running or ready, S sleeping, D waiting for I/O, I idle \
             thread of the kernel, T stopped, t traced, Z ended and not waited for",
        )
        .state("ppid", U64, "its parent")
        .state("uid", U64, "user that it acts as (effective)")
        .state(
            "cgroup",
            String,
            "its control group: that of version 2, or if that is the root, the first of version 1 \
             that is not, of cpu, memory, cpuacct, pids, blkio, systemd",
        )
        .counter(
            "cpu_ns",
            unit::NS,
            "CPU time of all threads, those that ended included, exact (sum_exec_runtime); a \
             thread that runs is counted up to its last tick",
        )
        .counter(
            "user_ns",
            unit::NS,
            "the share of it in user code, which the kernel estimates from ticks (utime)",
        )
        .counted_in(tick_ns)
        .counter("system_ns", unit::NS, "the share of it in the kernel, likewise (stime)")
        .counted_in(tick_ns)
        .counter(
            "run_delay_ns",
            unit::NS,
            "time that its threads were ready to run and waited for a CPU",
        )
        .counter(
            "io_delay_ns",
            unit::NS,
            "time that its threads waited for block I/O; absent unless kernel.task_delayacct is 1",
        )
        .counter(
            "voluntary_switches",
            unit::COUNT,
            "times that its threads gave their CPU up; what ended threads had counted between two \
             samples may be missing",
        )
        .counter(
            "involuntary_switches",
            unit::COUNT,
            "times that the CPU was taken from its threads; likewise",
        )
        .counter("minor_faults", unit::COUNT, "page faults without I/O (minflt)")
        .counter("major_faults", unit::COUNT, "page faults that waited for I/O (majflt)")
        .gauge("threads", U64, unit::COUNT, "threads")
        .gauge(
            "priority",
            I64,
            unit::NONE,
            "priority in the scheduler; negative for real-time ones",
        )
        .gauge("nice", I64, unit::NONE, "nice value, -20 to 19")
        .state("processor", U64, "CPU that its first thread ran on last")
        .gauge("vsize_bytes", U64, unit::BYTES, "address space")
        .gauge("rss_bytes", U64, unit::BYTES, "resident memory (VmRSS)")
        .gauge("rss_anon_bytes", U64, unit::BYTES, "resident memory that belongs to no file")
        .gauge("rss_file_bytes", U64, unit::BYTES, "resident memory that maps files")
        .gauge(
            "rss_shmem_bytes",
            U64,
            unit::BYTES,
            "resident memory that is shared: tmpfs, System V, shared anonymous",
        )
        .gauge("swap_bytes", U64, unit::BYTES, "memory that is swapped out")
        .counter("read_bytes", unit::BYTES, "fetched from storage for it")
        .counter(
            "write_bytes",
            unit::BYTES,
            "to be written to storage, counted when pages become dirty",
        )
        .counter(
            "cancelled_write_bytes",
            unit::BYTES,
            "of write_bytes, what was cut off before it was written",
        )
        .counter(
            "read_chars",
            unit::BYTES,
            "returned by read calls, from files, pipes, sockets, ... (rchar)",
        )
        .counter("write_chars", unit::BYTES, "given to write calls (wchar)")
        .counter("read_calls", unit::COUNT, "read calls (syscr)")
        .counter("write_calls", unit::COUNT, "write calls (syscw)")
}

/// Adds the row of `process`.
pub fn push(table: &mut RecordBuilder, process: &Process, units: Units) {
    let Process { stat, status, io, scheduling, .. } = process;
    table.instance(|key| {
        key.u64(process.pid.into());
        key.u64(stat.start_ticks.wrapping_mul(units.tick_ns));
    });
    table.bytes(&process.command);
    table.bytes(&process.title);
    table.bytes(&[stat.state]);
    table.u64(stat.ppid);
    table.opt_u64(status.uid);
    table.bytes(&process.cgroup);
    table.opt_u64(process.cpu_ns);
    table.u64(stat.user_ticks.wrapping_mul(units.tick_ns));
    table.u64(stat.system_ticks.wrapping_mul(units.tick_ns));
    table.opt_u64(scheduling.run_delay_ns);
    table.opt_u64(scheduling.io_delay_ns);
    table.opt_u64(scheduling.voluntary_switches);
    table.opt_u64(scheduling.involuntary_switches);
    table.u64(stat.minor_faults);
    table.u64(stat.major_faults);
    table.u64(stat.threads);
    table.i64(stat.priority);
    table.i64(stat.nice);
    table.u64(stat.processor);
    table.u64(stat.vsize_bytes);
    table.u64(status.rss_bytes.unwrap_or(stat.rss_pages.wrapping_mul(units.page_bytes)));
    table.opt_u64(status.rss_anon_bytes);
    table.opt_u64(status.rss_file_bytes);
    table.opt_u64(status.rss_shmem_bytes);
    table.opt_u64(status.swap_bytes);
    table.opt_u64(io.read_bytes);
    table.opt_u64(io.write_bytes);
    table.opt_u64(io.cancelled_write_bytes);
    table.opt_u64(io.read_chars);
    table.opt_u64(io.write_chars);
    table.opt_u64(io.read_calls);
    table.opt_u64(io.write_calls);
}
