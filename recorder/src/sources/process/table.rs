//! The table `process`: its columns, and a process as a row of it.

use super::io::Io;
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

/// Where the table comes from, of each way of feeding it.
pub const PROC: &str =
    "/proc/PID/{stat,status,io,cgroup,cmdline,schedstat}, clock_gettime(2), taskstats";
/// The same of the kernel's iterator.
pub const EBPF: &str = "an eBPF iterator over tasks, /proc/PID/{cmdline,cgroup}";

/// The table, whoever feeds it.
pub fn described() -> Vec<Schema> {
    vec![schema(format!("{EBPF}, or {PROC}"))]
}

/// The table as `source` feeds it. `notes` say why nothing better does, or nothing: they follow
/// where it comes from, after a semicolon.
pub fn tables(source: &str, interval_ns: u64, notes: &[String]) -> Vec<Schema> {
    let source = std::iter::once(source).chain(notes.iter().map(String::as_str));
    let source = source.collect::<Vec<_>>().join("; ");
    vec![Schema { interval_ns, ..schema(source) }]
}

fn schema(source: std::string::String) -> Schema {
    use ColumnType::{I64, String, U64};
    let tick_ns = Units::here().tick_ns;
    let mut schema = Schema::sample(
        "process",
        source,
        "Every process, threads of the kernel included. What only the process itself can change is \
         read when it has run since the sample before. What others can change (rss, swap, nice, \
         ppid) is up to 10 s old when it has not run; read from /proc, so are processor and whether \
         it became ready to run without getting a CPU, and its cgroup is up to a minute old. What \
         starts and ends between two samples is not seen.",
    );
    schema = schema.key("pid", U64, "number of the process");
    let start = "when it started, CLOCK_BOOTTIME; with the pid it tells processes apart for ever";
    let mut start = Column::new("start_ns", U64, Semantics::State, unit::NS, start);
    start.quantum = tick_ns;
    schema.keys.push(start);
    schema
        .state(
            "command",
            String,
            "name of the program, as the kernel has it (comm); /proc adds to that of a kworker what \
             it works on",
        )
        .state(
            "cmdline",
            String,
            "command line since the last exec, secrets replaced by *** as the configuration says, cut \
             at 256 bytes; empty for threads of the kernel, absent while it cannot be read",
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
             thread that runs is counted up to some 0.1 ms ago, read from /proc up to its last tick",
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
            "times that its threads gave their CPU up; read from /proc, what ended threads had \
             counted between two samples may be missing",
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
        .gauge(
            "rss_bytes",
            U64,
            unit::BYTES,
            "resident memory (VmRSS); from Linux 6.2 on each CPU adds to it and to its parts in \
             steps, of 32 pages or two for each CPU: read by eBPF, what was not added yet is missing",
        )
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

/// A process as a row.
pub struct Row<'a> {
    pub pid: u32,
    pub start_ns: u64,
    pub command: &'a [u8],
    pub title: Option<&'a Vec<u8>>,
    pub state: u8,
    pub ppid: u64,
    pub uid: Option<u64>,
    pub cgroup: &'a [u8],
    pub cpu_ns: Option<u64>,
    pub user_ns: u64,
    pub system_ns: u64,
    pub run_delay_ns: Option<u64>,
    pub io_delay_ns: Option<u64>,
    pub voluntary_switches: Option<u64>,
    pub involuntary_switches: Option<u64>,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub threads: u64,
    pub priority: i64,
    pub nice: i64,
    pub processor: u64,
    pub vsize_bytes: u64,
    pub rss_bytes: u64,
    pub rss_anon_bytes: Option<u64>,
    pub rss_file_bytes: Option<u64>,
    pub rss_shmem_bytes: Option<u64>,
    pub swap_bytes: Option<u64>,
    pub io: Io,
}

/// Adds a row.
pub fn push(table: &mut RecordBuilder, row: &Row<'_>) {
    table.instance(|key| {
        key.u64(row.pid.into());
        key.u64(row.start_ns);
    });
    table.bytes(row.command);
    match row.title {
        Some(title) => table.bytes(title),
        None => table.absent(),
    }
    table.bytes(&[row.state]);
    table.u64(row.ppid);
    table.opt_u64(row.uid);
    table.bytes(row.cgroup);
    table.opt_u64(row.cpu_ns);
    table.u64(row.user_ns);
    table.u64(row.system_ns);
    table.opt_u64(row.run_delay_ns);
    table.opt_u64(row.io_delay_ns);
    table.opt_u64(row.voluntary_switches);
    table.opt_u64(row.involuntary_switches);
    table.u64(row.minor_faults);
    table.u64(row.major_faults);
    table.u64(row.threads);
    table.i64(row.priority);
    table.i64(row.nice);
    table.u64(row.processor);
    table.u64(row.vsize_bytes);
    table.u64(row.rss_bytes);
    table.opt_u64(row.rss_anon_bytes);
    table.opt_u64(row.rss_file_bytes);
    table.opt_u64(row.rss_shmem_bytes);
    table.opt_u64(row.swap_bytes);
    table.opt_u64(row.io.read_bytes);
    table.opt_u64(row.io.write_bytes);
    table.opt_u64(row.io.cancelled_write_bytes);
    table.opt_u64(row.io.read_chars);
    table.opt_u64(row.io.write_chars);
    table.opt_u64(row.io.read_calls);
    table.opt_u64(row.io.write_calls);
}
