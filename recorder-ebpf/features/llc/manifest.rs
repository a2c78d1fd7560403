use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, HardwareEvent, Hook, Origin, SupportedFilters, Table, object,
};

pub static FEATURE: Feature = Feature {
    name: "llc",
    reads: "hardware counters: cache references, cache misses",
    object: object!("llc"),
    hooks: &[
        // Some 100 interrupts a second on a CPU that is busy with memory.
        Hook::needed(&[Attach::Hardware("missed", HardwareEvent::CacheMisses, 1_000_000)]),
        Hook::wanted(&[Attach::Hardware("referenced", HardwareEvent::CacheReferences, 1_000_000)]),
    ],
    per_cpu: &[("counts", 1)],
    filters: SupportedFilters::NONE,
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
