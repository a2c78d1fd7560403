use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};

pub static FEATURE: Feature = Feature {
    name: "stack_cpu",
    reads: "cpu-clock",
    // An emulated machine with 6.1 stood still twice in ten runs with these, for a reason not found.
    default_on: false,
    object: object!("stack_cpu"),
    // 19 a second, which keeps step with nothing; 400 over all CPUs.
    hooks: &[Hook::needed(&[Attach::Clock("sample", 19, 400)])],
    events_per_s: 1000,
    tables: &[Table {
        name: "stack_cpu",
        doc: "What CPUs run, 19 times a second each, or 400 times over all of them: the thread, and \
              the calls that it is in. Every row stands for weight_ns of CPU time.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::id("cpu", Cell::U32, "number of the CPU"),
            Column::gauge("weight_ns", Cell::U64, "ns", "the CPU time that the row stands for"),
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
