use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, count, object};

const RESULTS: &[&str] = &["established", "failed"];

pub static FEATURE: Feature = Feature {
    name: "tcp_connect_latency",
    reads: "inet_sock_set_state",
    object: object!("tcp_connect_latency"),
    hooks: &[Hook::needed(&[Attach::Typed("changed", "inet_sock_set_state")])],
    per_cpu: &[("latencies", 512 * count(RESULTS))],
    tables: &[Table {
        name: "tcp_connect_latency",
        doc: "How long it took to connect by TCP: from the SYN until the connection was \
              established, or until it was not to be. Costs nothing but at \
              the ends of a connection.",
        origin: Origin::DenseHistogram("latencies", count(RESULTS)),
        keys: &[Column::named("result", Cell::U32, RESULTS, "established or failed")],
        values: &[Column::histogram("latency_ns", "ns", "the time that it took")],
    }],
    ..COMMON
};
