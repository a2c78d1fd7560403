use crate::feature::{Attach, COMMON, Column, Feature, Hook, Origin, Table, object};

pub static FEATURE: Feature = Feature {
    name: "window_clamp",
    reads: "tcp_rcv_space_adjust",
    object: object!("window_clamp"),
    hooks: &[Hook::needed(&[Attach::Typed("read_from", "tcp_rcv_space_adjust")])],
    per_cpu: &[("windows", 1)],
    tables: &[Table {
        name: "window_clamp",
        doc: "How often somebody read from a TCP connection, and how often its window was clamped \
              then: when what was received and not read takes more memory than there is for it, \
              the kernel lets the window that it offers be two segments at most, as it does from \
              the start where buffers are that small. Costs some 40 ns a read.",
        origin: Origin::DenseCounters("windows", 1),
        keys: &[],
        values: &[
            Column::counter("reads", "count", "reads that got something"),
            Column::counter("clamped_reads", "count", "of them those from a clamped window"),
        ],
    }],
    ..COMMON
};
