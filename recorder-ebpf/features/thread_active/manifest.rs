use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};
use crate::names;

const STATES: &[&str] = &["running", "runnable", "blocked"];

pub static FEATURE: Feature = Feature {
    name: "thread_active",
    reads: "iter/task",
    object: object!("thread_active"),
    hooks: &[Hook::needed(&[Attach::Iterator("each", "task")])],
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "thread_active",
        doc: "Threads that have a CPU, wait for one, or are blocked (in state D, which nothing but \
              what they wait for ends): what the load average is made of, and what the blocked ones \
              wait for. The recorder's own thread that looks is left out.",
        origin: Origin::Iterator("each"),
        keys: &[
            Column::id("pid", Cell::U32, "number of the process"),
            Column::id("tid", Cell::U32, "number of the thread"),
        ],
        values: &[
            Column::id(
                "cgroup_id",
                Cell::U64,
                "its control group (version 2); the table cgroup names it",
            ),
            Column::text("command", 16, "name of the thread, as the kernel has it (comm)"),
            Column::named("state", Cell::U32, STATES, "running, runnable, blocked"),
            Column::id(
                "switches",
                Cell::U64,
                "times that it gave its CPU up or lost it: where this stays as it is, it is blocked \
                 in the same place since",
            ),
            Column::counter("run_delay_ns", "ns", "time that it was ready to run and waited"),
            Column::decoded(
                "syscall",
                Cell::U64,
                names::syscall,
                "the system call that a blocked one is in (from 5.15 on)",
            ),
            Column::id(
                "argument",
                Cell::U64,
                "the first argument of that: a descriptor, or an address",
            ),
            Column::decoded(
                "wait_channel",
                Cell::U64,
                names::function_around,
                "the function of the kernel in which a blocked one waits",
            ),
            Column::stack(
                "stack",
                24,
                0,
                "the functions of the kernel that it is in, from the outermost to the innermost",
            ),
        ],
    }],
    ..COMMON
};
