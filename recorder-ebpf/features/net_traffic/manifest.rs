use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};
use crate::names;

const DIRECTIONS: &[&str] = &["received", "sent"];
const VERSIONS: &[&str] = &["4", "6", "other"];
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp", "icmpv6", "sctp", "igmp", "gre", "esp", "other"];

pub static FEATURE: Feature = Feature {
    name: "net_traffic",
    reads: "TC, both directions of every interface",
    object: object!("net_traffic"),
    hooks: &[Hook::needed(&[Attach::Packets("nodemon_received", "nodemon_sent")])],
    sized: &["traffic"],
    filters: SupportedFilters::INTERFACE,
    tables: &[Table {
        name: "net_traffic",
        doc: "Packets and bytes of network interfaces, by direction, version of the Internet \
              Protocol and the protocol above it. A packet that the kernel joined, or that the \
              hardware is to split, counts as its segments; its bytes are those of one packet, \
              the header of the link included. What others drop before TC is not seen. \
              Costs some 150 ns a packet.",
        origin: Origin::Counters("traffic"),
        keys: &[
            Column::decoded("interface", Cell::U32, names::interface, "name of the interface"),
            Column::named("direction", Cell::U8, DIRECTIONS, "received or sent"),
            Column::named(
                "ip_version",
                Cell::U8,
                VERSIONS,
                "of the Internet Protocol: 4, 6 or other",
            ),
            Column::named("protocol", Cell::U8, PROTOCOLS, "above it: tcp, udp, icmp, ..."),
        ],
        values: &[
            Column::counter("packets", "count", "packets, or segments"),
            Column::counter("bytes", "bytes", "their bytes"),
        ],
    }],
    ..COMMON
};
