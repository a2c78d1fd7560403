use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};
use crate::names;

const VERSIONS: &[&str] = &["4", "6"];

pub static FEATURE: Feature = Feature {
    name: "tcp_retransmit",
    reads: "tcp_retransmit_skb, tcp_retransmit_synack",
    object: object!("tcp_retransmit"),
    hooks: &[
        Hook::needed(&[Attach::Typed("segment", "tcp_retransmit_skb")]),
        Hook::wanted(&[Attach::Typed("syn_ack", "tcp_retransmit_synack")]),
    ],
    filters: SupportedFilters::SOCKET,
    tables: &[Table {
        name: "tcp_retransmit",
        doc: "TCP segments that were sent again, by the state of their connection: a SYN in \
              syn_sent, a SYN-ACK in syn_recv, data in established. Costs nothing but when one is.",
        origin: Origin::Counters("retransmits"),
        keys: &[
            Column::named("ip_version", Cell::U8, VERSIONS, "of the socket: 4 or 6"),
            Column::named("state", Cell::U8, names::TCP_STATES, "of the connection"),
        ],
        values: &[Column::counter("retransmits", "count", "segments that were sent again")],
    }],
    ..COMMON
};
