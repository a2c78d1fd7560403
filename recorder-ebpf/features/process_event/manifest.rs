use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

const KINDS: &[&str] = &["fork", "exec", "exit"];

pub static FEATURE: Feature = Feature {
    name: "process_event",
    reads: "sched_process_fork, sched_process_exec, sched_process_exit",
    object: object!("process_event"),
    hooks: &[
        Hook::needed(&[Attach::Typed("exited", "sched_process_exit")]),
        Hook::wanted(&[Attach::Typed("executed", "sched_process_exec")]),
        Hook::wanted(&[Attach::Typed("forked", "sched_process_fork")]),
        Hook::wanted(&[Attach::Typed("queued", "sched_wakeup_new")]),
    ],
    precious: "exits",
    tables: &[Table {
        name: "process_event",
        doc: "Processes that were forked, that executed a program, that ended, and what those \
              that ended had used. However short a process lived, it is here; exits \
              have a budget of their own, beside that of forks and execs.",
        origin: Origin::Events("events"),
        keys: &[Column::named("event", Cell::U32, KINDS, "fork, exec or exit")],
        values: columns_of_task![
            Column::id("ppid", Cell::U32, "its parent"),
            Column::id("status", Cell::U32, "with which it ended"),
            Column::decoded("signal", Cell::U32, names::signal, "that ended it"),
            Column::gauge("lived_ns", Cell::U64, "ns", "time from its start to its end"),
            Column::gauge("cpu_ns", Cell::U64, "ns", "CPU time of all its threads, but for what the kernel does when the last one has ended"),
            Column::gauge("user_ns", Cell::U64, "ns", "of it in user code, by ticks"),
            Column::gauge("system_ns", Cell::U64, "ns", "of it in the kernel, by ticks"),
            Column::pages("max_rss_bytes", "most memory that was resident at once"),
            Column::gauge("minor_faults", Cell::U64, "count", "page faults without I/O"),
            Column::gauge("major_faults", Cell::U64, "count", "page faults that waited for I/O"),
            Column::gauge("voluntary_switches", Cell::U64, "count", "times it gave its CPU up"),
            Column::gauge("involuntary_switches", Cell::U64, "count", "times it lost its CPU"),
            Column::gauge("read_bytes", Cell::U64, "bytes", "fetched from storage for it"),
            Column::gauge("write_bytes", Cell::U64, "bytes", "to be written to storage"),
            Column::decoded(
                "arguments",
                Cell::Bytes(256),
                names::arguments,
                "of an exec: the program and its arguments, cut at 256 bytes",
            ),
        ],
    }],
    ..COMMON
};
