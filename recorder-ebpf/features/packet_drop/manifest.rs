use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "packet_drop",
    reads: "kfree_skb",
    object: object!("packet_drop"),
    hooks: &[Hook::needed(&[
        // Refused where there is no third argument.
        Attach::Typed("dropped", "kfree_skb"),
        Attach::Typed("dropped_somehow", "kfree_skb"),
    ])],
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "packet_drop",
        doc: "Packets that the kernel dropped, by its reason. Before 5.17 it has none. \
              Costs some 150 ns a packet that is dropped.",
        origin: Origin::Counters("drops"),
        keys: &[Column::decoded(
            "reason",
            Cell::U32,
            names::drop_reason,
            "as the kernel has it (enum skb_drop_reason): no_socket, netfilter_drop, ...",
        )],
        values: &[Column::counter("packets", "count", "packets")],
    }],
    ..COMMON
};
