use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, count, object,
};

const VECTORS: &[&str] = &[
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu",
];

const KEYS: &[Column] = &[Column::named("vector", Cell::U32, VECTORS, "timer, net_rx, sched, ...")];

pub static FEATURE: Feature = Feature {
    name: "softirq_latency",
    reads: "softirq_raise, softirq_entry, softirq_exit",
    default_on: false,
    object: object!("softirq_latency"),
    hooks: &[
        Hook::needed(&[Attach::Typed("entered", "softirq_entry")]),
        Hook::needed(&[Attach::Typed("raised", "softirq_raise")]),
        Hook::needed(&[Attach::Typed("left", "softirq_exit")]),
    ],
    per_cpu: &[("waits", 512 * count(VECTORS)), ("runs", 512 * count(VECTORS))],
    filters: SupportedFilters::NONE,
    tables: &[
        Table {
            name: "softirq_latency",
            doc: "How long softirqs waited, from when they were raised until they ran. \
                  Costs some 400 ns a softirq, with its duration.",
            origin: Origin::DenseHistogram("waits", count(VECTORS)),
            keys: KEYS,
            values: &[Column::histogram("latency_ns", "ns", "from raise to entry: the wait")],
        },
        Table {
            name: "softirq_duration",
            doc: "How long softirqs ran.",
            origin: Origin::DenseHistogram("runs", count(VECTORS)),
            keys: KEYS,
            values: &[Column::histogram("duration_ns", "ns", "from entry to exit: the work")],
        },
    ],
    ..COMMON
};
