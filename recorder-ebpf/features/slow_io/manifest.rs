use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "slow_io",
    reads: "block_rq_insert, block_rq_issue, block_rq_complete",
    object: object!("slow_io"),
    hooks: &[
        Hook::wanted(&[
            Attach::Typed("insert_5_10", "block_rq_insert"),
            Attach::Typed("insert_5_11", "block_rq_insert"),
        ]),
        Hook::needed(&[
            // Refused where there is no second argument.
            Attach::Typed("issue_5_10", "block_rq_issue"),
            Attach::Typed("issue_5_11", "block_rq_issue"),
        ]),
        Hook::needed(&[Attach::Typed("complete", "block_rq_complete")]),
    ],
    tables: &[Table {
        name: "slow_io",
        doc: "Requests to block devices that took 50 ms or longer, or what the configuration says, \
              when they are done. The first columns are the task that put it into the queue of the \
              device, or gave it to the driver where it has none: who reads or writes itself, or a \
              kernel thread that writes back what others wrote; where requests come so thick that \
              this is not remembered, they are absent.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::decoded("device", Cell::U32, names::device, "name of the block device"),
            Column::decoded(
                "operation",
                Cell::U32,
                names::block_operation,
                "read, write, flush, discard, ...",
            ),
            Column::id("sector", Cell::U64, "where it began, in units of 512 bytes"),
            Column::gauge("size_bytes", Cell::U64, "bytes", "how much it was"),
            Column::gauge("took_ns", Cell::U64, "ns", "from when it was made until it was done"),
            Column::gauge("device_ns", Cell::U64, "ns", "of it, the time that the driver had it"),
            Column::decoded("error", Cell::I32, names::block_error, "why it failed; empty if it did not"),
        ],
    }],
    ..COMMON
};
