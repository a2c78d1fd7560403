use crate::feature::{Attach, COMMON, Cell, Column, Feature, Filters, Hook, Origin, Table, object};

/// `PERF_COUNT_HW_CACHE_REFERENCES` and `_MISSES`.
const REFERENCES: u64 = 2;
const MISSES: u64 = 3;

pub static FEATURE: Feature = Feature {
    name: "llc",
    reads: "hardware counters: cache references, cache misses",
    object: object!("llc"),
    hooks: &[
        // Some 100 interrupts a second on a CPU that is busy with memory.
        Hook::needed(&[Attach::Hardware("missed", MISSES, 1_000_000)]),
        Hook::wanted(&[Attach::Hardware("referenced", REFERENCES, 1_000_000)]),
    ],
    per_cpu: &[("counts", 1)],
    filters: Filters::NONE,
    tables: &[Table {
        name: "llc",
        doc: "References to the last level of the processor's caches, and misses, by CPU, in steps \
              of 1,000,000. Virtual machines seldom have such counters.",
        origin: Origin::Counters("counts"),
        keys: &[Column::id("cpu", Cell::U32, "number of the CPU")],
        values: &[
            Column::counter("references", "count", "accesses that got there"),
            Column::counter("misses", "count", "those that went on to memory"),
        ],
    }],
    ..COMMON
};
