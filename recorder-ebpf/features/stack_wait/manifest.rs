use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, WithoutStorage, columns_of_task, object,
};
use crate::names;

const STATES: &[&str] = &["runnable", "sleeping", "blocked", "blocked_io", "stopped", "other"];

pub static FEATURE: Feature = Feature {
    name: "stack_wait",
    reads: "sched_switch, sched_waking, sched_exit_tp",
    // An emulated machine with 6.1 stood still twice in ten runs with these, for a reason not found.
    default_on: false,
    object: object!("stack_wait"),
    without_storage: Some(WithoutStorage {
        object: object!("stack_wait.without_storage"),
        lacks: "times of tasks beyond 16384 at once",
        because: "this kernel does not keep them with tasks, or not where tasks are \
             switched (6.4 does)",
        keeps_under_locks: true,
    }),
    hooks: &[
        // The way out of the scheduler first: what is found at a switch waits for it.
        Hook::wanted(&[Attach::Typed("goes_on", "sched_exit_tp")]),
        Hook::needed(&[Attach::Typed("waking", "sched_waking")]),
        Hook::needed(&[Attach::Typed("switched", "sched_switch")]),
    ],
    // Twenty are wanted. Where many more threads wait it takes a second to find that out.
    events_per_s: 100,
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "stack_wait",
        doc: "Why threads were off their CPU, when they are back: about 20 waits a second, chosen in \
              proportion to how long they took. Every row stands for weight_ns; sums of that are \
              the time that threads waited.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::named(
                "state",
                Cell::U32,
                STATES,
                "what it did when it left its CPU: it could go on (runnable: preempted, or it \
                 yielded), is sleeping (can be interrupted), blocked (cannot), blocked_io (for I/O), \
                 stopped"
            ),
            Column::id("waker_pid", Cell::U32, "process that ran when it was woken; 0: none"),
            Column::id("waker_tid", Cell::U32, "thread that ran then: who woke it, or was interrupted"),
            Column::text("waker_command", 16, "name of that thread"),
            Column::gauge("duration_ns", Cell::U64, "ns", "the wait, from CPU to CPU"),
            Column::gauge("weight_ns", Cell::U64, "ns", "the waiting that the row stands for"),
            Column::decoded(
                "syscall",
                Cell::U64,
                names::syscall,
                "the system call that it was in (from 5.15 on)"
            ),
            Column::id("argument", Cell::U64, "the first argument of that: a descriptor, or an address"),
            Column::stack(
                "stack",
                48,
                8,
                "the calls of the program (from 6.16 on), then those of the kernel, from the \
                 outermost to the innermost"
            ),
        ],
    }],
    ..COMMON
};
