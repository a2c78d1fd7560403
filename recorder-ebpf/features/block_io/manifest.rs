use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

const DEVICE: Column =
    Column::decoded("device", Cell::U32, names::device, "name of the block device");
const OPERATION: Column = Column::decoded(
    "operation",
    Cell::U32,
    names::block_operation,
    "read, write, flush, discard, ...",
);

pub static FEATURE: Feature = Feature {
    name: "block_io",
    reads: "block_rq_insert, block_rq_issue, block_rq_complete",
    object: object!("block_io"),
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
    sized: &["buckets"],
    tables: &[
        Table {
            name: "block_latency",
            doc: "How long block devices took for requests, from when the driver got one until it \
                  was done. Of all tasks, whatever the filters: what programs wrote is given to a \
                  device by threads of the kernel.",
            origin: Origin::Histogram("buckets"),
            keys: &[DEVICE, OPERATION],
            values: &[Column::histogram("latency_ns", "ns", "the time that a request took")],
        },
        Table {
            name: "slow_io",
            doc: "Requests to block devices that took 50 ms or longer, or what the configuration \
                  says (min_latency), when they are done. The first columns are the task that put it \
                  into the queue of the device, or gave it to the driver where it has none: who \
                  reads or writes itself, or a kernel thread that writes back what others wrote.",
            origin: Origin::Events("events"),
            keys: &[],
            values: columns_of_task![
                DEVICE,
                OPERATION,
                Column::id("sector", Cell::U64, "where it began, in units of 512 bytes"),
                Column::gauge("size_bytes", Cell::U64, "bytes", "how much it was"),
                Column::gauge("took_ns", Cell::U64, "ns", "from when it was made until it was done"),
                Column::gauge("device_ns", Cell::U64, "ns", "of it, the time that the driver had it"),
                Column::decoded(
                    "error",
                    Cell::I32,
                    names::block_error,
                    "why it failed; empty if it did not"
                ),
            ],
        },
    ],
    ..COMMON
};
