use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SoftwareEvent, Table, columns_of_task, object,
};

const KINDS: &[&str] = &["minor", "major"];

pub static FEATURE: Feature = Feature {
    name: "stack_fault",
    reads: "page-faults",
    default_on: false,
    object: object!("stack_fault"),
    hooks: &[
        // A prime number: it keeps step with nothing that a program does.
        Hook::needed(&[Attach::Software("minor", SoftwareEvent::PageFaultsMin, 1009)]),
        Hook::needed(&[Attach::Software("major", SoftwareEvent::PageFaultsMaj, 1)]),
    ],
    precious: "major faults",
    // A fifth of them is wanted.
    events_per_s: 200,
    tables: &[Table {
        name: "stack_fault",
        doc: "Page faults, one of 1009 minor ones on each CPU and every major one, or fewer where \
              those were more than about 40 of a kind in a second: the thread, the address, and the \
              calls that it was in. Every row stands for weight faults; sums of that are what \
              threads had (minflt and majflt), but for those that the kernel makes itself when it \
              looks up pages.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::named(
                "kind",
                Cell::U32,
                KINDS,
                "minor: the page was in memory, or was made; major: it had to be read"
            ),
            Column::id("address", Cell::U64, "what was not there"),
            Column::gauge("weight", Cell::U64, "count", "the faults that the row stands for"),
            Column::stack(
                "stack",
                48,
                8,
                "the calls of the program, then those of the kernel where that was interrupted, from \
                 the outermost to the innermost"
            ),
        ],
    }],
    ..COMMON
};
