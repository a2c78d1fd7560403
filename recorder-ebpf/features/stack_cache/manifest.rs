use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, HardwareEvent, Hook, Origin, Table, columns_of_task, object,
};

pub static FEATURE: Feature = Feature {
    name: "stack_cache",
    reads: "hardware counter: cache misses",
    default_on: false,
    object: object!("stack_cache"),
    hooks: &[
        // Some 100 interrupts a second on a CPU that is busy with memory; a prime number keeps step
        // with nothing.
        Hook::needed(&[Attach::Hardware("missed", HardwareEvent::CacheMisses, 1_000_003)]),
    ],
    // A fifth of them is wanted.
    events_per_s: 200,
    tables: &[Table {
        name: "stack_cache",
        doc: "Accesses to memory that missed the last level of the processor's caches, one of \
              1,000,003 on each CPU, or fewer where those were more than about 40 in a second: the \
              thread, and the calls that it was in. Every row stands for weight misses. Virtual \
              machines seldom have such counters.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::id("cpu", Cell::U32, "number of the CPU"),
            Column::gauge("weight", Cell::U64, "count", "the misses that the row stands for"),
            Column::stack(
                "stack",
                48,
                8,
                "the calls of the program, then those of the kernel, from the outermost to the \
                 innermost"
            ),
        ],
    }],
    ..COMMON
};
