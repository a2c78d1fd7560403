use crate::feature::{Attach, COMMON, Cell, Column, Feature, Filters, Hook, Origin, Table, object};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "block_latency",
    reads: "block_rq_issue, block_rq_complete",
    object: object!("block_latency"),
    hooks: &[
        Hook::needed(&[
            // Refused where there is no second argument.
            Attach::Typed("issue_5_10", "block_rq_issue"),
            Attach::Typed("issue_5_11", "block_rq_issue"),
        ]),
        Hook::needed(&[Attach::Typed("complete", "block_rq_complete")]),
    ],
    sized: &["buckets"],
    // What programs wrote is given to a device by threads of the kernel: a filter would leave it out.
    filters: Filters::NONE,
    tables: &[Table {
        name: "block_latency",
        doc: "How long block devices took for requests, from when the driver got one until it was \
              done.",
        origin: Origin::Histogram("buckets"),
        keys: &[
            Column::decoded("device", Cell::U32, names::device, "name of the block device"),
            Column::decoded(
                "operation",
                Cell::U32,
                names::block_operation,
                "read, write, flush, discard, ...",
            ),
        ],
        values: &[Column::histogram("latency_ns", "ns", "the time that a request took")],
    }],
    ..COMMON
};
