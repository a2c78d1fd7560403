use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "stack_io",
    reads: "block_bio_queue",
    default_on: false,
    object: object!("stack_io"),
    hooks: &[Hook::needed(&[
        // Refused where there is no second argument.
        Attach::Typed("queue_5_10", "block_bio_queue"),
        Attach::Typed("queue_5_11", "block_bio_queue"),
    ])],
    // A fifth of them is wanted.
    events_per_s: 200,
    tables: &[Table {
        name: "stack_io",
        doc: "Who reads from block devices and writes to them, about 40 times a second, chosen in \
              proportion to how much it is: the thread, and the calls that it is in when it asks for \
              it. Every row stands for weight_bytes; sums of that are what was asked for. What is \
              asked of a device that others are below (dm, md, loop) is asked of those again. What \
              has no data (flush) is left out.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::decoded("device", Cell::U32, names::device, "name of the block device"),
            Column::decoded(
                "operation",
                Cell::U32,
                names::block_operation,
                "read, write, discard, ..."
            ),
            Column::id("sector", Cell::U64, "where it begins, in units of 512 bytes"),
            Column::gauge("size_bytes", Cell::U64, "bytes", "how much it is"),
            Column::gauge("weight_bytes", Cell::U64, "bytes", "what the row stands for"),
            Column::id(
                "charged_cgroup_id",
                Cell::U64,
                "the control group (version 2) in whose account it is: of what the kernel writes back, \
                 that of who wrote it"
            ),
            Column::stack(
                "stack",
                48,
                8,
                "the calls of the program (from 5.15 on), then those of the kernel, from the \
                 outermost to the innermost. What programs write without O_DIRECT or fsync is asked \
                 for later, by threads of the kernel (kworker) that write it back, and so is what \
                 has to wait for its control group (io.max)"
            ),
        ],
    }],
    ..COMMON
};
