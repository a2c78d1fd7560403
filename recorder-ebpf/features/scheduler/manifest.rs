use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, WithoutStorage, count, object,
};

const REASONS: &[&str] =
    &["preempted", "yielded", "sleeping", "blocked", "blocked_io", "stopped", "ended", "other"];

pub static FEATURE: Feature = Feature {
    name: "scheduler",
    reads: "sched_switch, sched_wakeup",
    object: object!("scheduler"),
    without_storage: Some(WithoutStorage {
        object: object!("scheduler.without_storage"),
        lacks: "times of tasks beyond 16384 at once",
        because: "this kernel does not keep them with tasks, or not where tasks are \
             switched (6.4 does)",
        keeps_under_locks: true,
    }),
    hooks: &[
        Hook::needed(&[Attach::Typed("switched", "sched_switch")]),
        Hook::needed(&[Attach::Typed("woken", "sched_wakeup")]),
        Hook::needed(&[Attach::Typed("started", "sched_wakeup_new")]),
    ],
    per_cpu: &[("waits", 512), ("switches", count(REASONS))],
    filters: SupportedFilters::NONE,
    tables: &[
        Table {
            name: "run_queue_latency",
            doc: "How long tasks that could run waited for a CPU: from when they were woken, or \
                  lost the CPU while they could go on, until they ran.",
            origin: Origin::DenseHistogram("waits", 1),
            keys: &[],
            values: &[Column::histogram("latency_ns", "ns", "the wait")],
        },
        Table {
            name: "context_switch",
            doc: "Why CPUs went from one task to another, in all.",
            origin: Origin::DenseCounters("switches", count(REASONS)),
            keys: &[Column::named(
                "reason",
                Cell::U32,
                REASONS,
                "what the task did that had the CPU: it was preempted, yielded (sched_yield; counts \
                 as preempted before 5.15), is sleeping (waits, can be interrupted), blocked \
                 (cannot), blocked_io (likewise, for I/O), stopped, ended; other: it was to sleep \
                 and had a signal. The first two are the kernel's involuntary switches, the others \
                 its voluntary ones",
            )],
            values: &[Column::counter("switches", "count", "switches")],
        },
    ],
    ..COMMON
};
