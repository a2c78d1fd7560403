use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};

const QUEUES: &[&str] = &["accept", "syn"];

pub static FEATURE: Feature = Feature {
    name: "syn_backlog",
    reads: "inet_csk_complete_hashdance, sk_data_ready",
    default_on: false,
    object: object!("syn_backlog"),
    hooks: &[Hook::needed(&[
        Attach::Entry("queued", "inet_csk_complete_hashdance"),
        // Sees all that arrives anywhere.
        Attach::Typed("ready", "sk_data_ready"),
    ])],
    sized: &["waiting"],
    filters: SupportedFilters::SOCKET,
    tables: &[Table {
        name: "syn_backlog",
        doc: "How many connections wait in the queues of TCP listeners whenever one more is \
              established. What may wait at most is in tcp_connection (accept_limit). Costs \
              nothing else where the kernel has fentry, otherwise some 50 ns for all that arrives \
              at any socket.",
        origin: Origin::Histogram("waiting"),
        keys: &[
            Column::id("port", Cell::U16, "on which somebody listens"),
            Column::named(
                "queue",
                Cell::U8,
                QUEUES,
                "accept: established and not accepted yet, with the one that has come; syn: not \
                 established yet",
            ),
        ],
        values: &[Column::histogram("waiting", "count", "connections")],
    }],
    ..COMMON
};
