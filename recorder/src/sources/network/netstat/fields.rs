//! What the counters of the protocols are, beyond their names.

use super::names;
use super::pairs::pairs;
use crate::kernel_files::keyed::Field;
use crate::kernel_files::text::{Fields, lines};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Semantics};

/// The fields to record on a kernel whose `/proc/net/snmp` and `/proc/net/netstat` hold
/// `pair_files`, and whose `/proc/net/snmp6` holds `snmp6`.
pub fn fields(pair_files: &[&[u8]], snmp6: &[u8]) -> Vec<Field> {
    let paired = pair_files.iter().flat_map(|text| pairs(text));
    let paired = paired.flat_map(|(header, _)| names::of_header(header));
    let single = lines(snmp6).filter_map(|line| Fields::new(line).word());
    let single = single.map(|name| String::from_utf8_lossy(name).into_owned());
    let mut fields: Vec<Field> = Vec::new();
    for name in paired.chain(single) {
        let known = fields.iter().any(|field| field.name == name.as_bytes());
        if known || names::is_message_by_number(&name) {
            continue;
        }
        let mut field = field(&name);
        if fields.iter().any(|other| other.column.name == field.column.name) {
            // Two names that differ in what the columns leave out; the kernel's is unique.
            field.column.name = name;
        }
        fields.push(field);
    }
    fields
}

/// The fields that are described here, whatever the kernel has.
pub fn described() -> Vec<Field> {
    DOCS.iter().map(|(name, _)| field(name)).collect()
}

fn field(name: &str) -> Field {
    use ColumnType::{I64, U64};
    use Semantics::{Counter, Gauge, State};
    let (kind, semantics, unit, scale) = match name {
        "IpForwarding" | "IpDefaultTTL" | "TcpRtoAlgorithm" => (U64, State, unit::NONE, 1),
        "TcpRtoMin" | "TcpRtoMax" => (U64, Gauge, unit::NS, NS_PER_MS),
        "TcpMaxConn" => (I64, Gauge, unit::COUNT, 1),
        "TcpCurrEstab" | "MPTcpExtMPCurrEstab" => (U64, Gauge, unit::COUNT, 1),
        "TcpExtTCPMemoryPressuresChrono" => (U64, Counter, unit::NS, NS_PER_MS),
        _ if name.ends_with("Octets") => (U64, Counter, unit::BYTES, 1),
        _ => (U64, Counter, unit::COUNT, 1),
    };
    let suffix = if unit == unit::NS { "_ns" } else { "" };
    let column = format!("{}{suffix}", names::column(name));
    let doc = match DOCS.iter().find(|(known, _)| *known == name) {
        Some((_, doc)) => format!("{doc} ({name})"),
        None => name.to_owned(),
    };
    let mut column = Column::new(&column, kind, semantics, unit, doc);
    if scale > 1 {
        column.quantum = scale;
    }
    Field { name: name.as_bytes().to_vec(), column, scale }
}

const NS_PER_MS: u64 = 1_000_000;

/// What people look at.
const DOCS: &[(&str, &str)] = &[
    ("IpForwarding", "1 when this host forwards packets, 2 when not"),
    ("IpInReceives", "packets received, bad ones included"),
    ("IpInDiscards", "packets received and dropped for want of memory"),
    ("IpInDelivers", "packets received and given to a protocol"),
    ("IpOutRequests", "packets that protocols wanted to send"),
    ("IpOutDiscards", "packets dropped before sending"),
    ("IpOutNoRoutes", "packets that no route was found for"),
    ("IpReasmFails", "packets that could not be put together from fragments"),
    ("IpExtInOctets", "received"),
    ("IpExtOutOctets", "sent"),
    ("IpExtInCEPkts", "packets received that were marked for congestion"),
    ("TcpRtoAlgorithm", "how the retransmission timeout is found, RFC 4022"),
    ("TcpRtoMin", "least retransmission timeout"),
    ("TcpRtoMax", "greatest retransmission timeout"),
    ("TcpMaxConn", "limit of connections, -1 when there is none"),
    ("TcpActiveOpens", "connections opened from here"),
    ("TcpPassiveOpens", "connections opened from elsewhere"),
    ("TcpAttemptFails", "connections that were never established"),
    ("TcpEstabResets", "established connections that were reset"),
    ("TcpCurrEstab", "connections that are established now"),
    ("TcpInSegs", "segments received"),
    ("TcpOutSegs", "segments sent, without retransmitted ones"),
    ("TcpRetransSegs", "segments sent again"),
    ("TcpInErrs", "segments received in error"),
    ("TcpOutRsts", "resets sent"),
    ("UdpInDatagrams", "datagrams delivered"),
    ("UdpNoPorts", "datagrams to a port where nobody listens"),
    ("UdpInErrors", "datagrams that could not be delivered for another reason"),
    ("UdpOutDatagrams", "datagrams sent"),
    ("UdpRcvbufErrors", "datagrams dropped because the socket's buffer was full"),
    ("UdpSndbufErrors", "datagrams not sent because a buffer was full"),
    ("TcpExtSyncookiesSent", "SYN cookies sent as the queue of a listener was full"),
    ("TcpExtListenOverflows", "connections dropped because a listener's queue was full"),
    ("TcpExtListenDrops", "connections that a listener dropped for any reason"),
    ("TcpExtPruneCalled", "sockets short of buffer that had to make room"),
    ("TcpExtTW", "connections that went through TIME_WAIT"),
    ("TcpExtTCPTimeouts", "retransmission timeouts"),
    ("TcpExtTCPLossProbes", "probes for a loss at the tail"),
    ("TcpExtTCPLostRetransmit", "retransmitted segments that were lost again"),
    ("TcpExtTCPFastRetrans", "segments sent again without a timeout"),
    ("TcpExtTCPSynRetrans", "SYN and SYN/ACK sent again"),
    ("TcpExtTCPRetransFail", "segments that could not be sent again"),
    ("TcpExtTCPAbortOnMemory", "connections dropped for want of memory"),
    ("TcpExtTCPAbortOnTimeout", "connections dropped after a timeout"),
    ("TcpExtTCPMemoryPressures", "times that TCP came under memory pressure"),
    ("TcpExtTCPMemoryPressuresChrono", "time under memory pressure"),
    ("TcpExtTCPBacklogDrop", "segments dropped because a socket's backlog was full"),
    ("TcpExtTCPRcvQDrop", "segments dropped because a receive queue was full"),
    ("TcpExtTCPOFOQueue", "segments received out of order"),
    ("TcpExtTCPZeroWindowDrop", "segments dropped because the window was closed"),
    ("TcpExtTCPToZeroWindowAdv", "times that a window was closed"),
    ("TcpExtTCPOrigDataSent", "segments with data sent, without retransmitted ones"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::fields;
    use std::collections::HashSet;

    #[test]
    fn every_counter_of_this_kernel_has_a_column_of_its_own() {
        let read = |name: &str| std::fs::read(format!("/proc/net/{name}")).unwrap_or_default();
        let fields = fields(&[&read("snmp"), &read("netstat")], &read("snmp6"));
        assert!(fields.len() > 150, "{} fields", fields.len());
        let columns: HashSet<&str> = fields.iter().map(|f| f.column.name.as_str()).collect();
        assert_eq!(columns.len(), fields.len(), "no two counters share a column");
        let odd = columns.iter().find(|name| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert_eq!(odd, None, "a column that fell back to the kernel's name");
    }

    #[test]
    fn counters_whose_columns_would_be_called_alike_both_stay() {
        let text = b"TcpExt: TCPFoo Foo\nTcpExt: 1 2\n";
        let columns: Vec<String> =
            fields(&[text], b"").into_iter().map(|f| f.column.name).collect();
        assert_eq!(columns, ["tcp_ext_foo", "TcpExtFoo"]);
    }
}
