use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, WithoutStorage, columns_of_task, object,
};
use crate::names;

const NET_NS: &str = "number of its network namespace, as in /proc/PID/ns/net";
const DIRECTIONS: &[&str] = &["connected", "accepted", "listening"];

pub static FEATURE: Feature = Feature {
    name: "tcp_connection",
    reads: "iter/bpf_sk_storage_map, inet_sock_set_state, tcp_rcv_space_adjust",
    // Thousands of connections take milliseconds; ends are told at once.
    default_interval_ms: 10_000,
    object: object!("tcp_connection"),
    without_storage: Some(WithoutStorage {
        object: object!("tcp_connection.without_storage"),
        lacks: "connections of other network namespaces than the recorder's",
        because: "this kernel keeps nothing with sockets for programs (5.11 does)",
        keeps_under_locks: false,
    }),
    hooks: &[
        Hook::needed(&[
            Attach::Elements("each", "bpf_sk_storage_map", "owners"),
            Attach::Iterator("each", "tcp"),
        ]),
        Hook::needed(&[Attach::Typed("changed", "inet_sock_set_state")]),
        Hook::wanted(&[Attach::Typed("read_from", "tcp_rcv_space_adjust")]),
        // Last, so that none comes in between.
        Hook::wanted(&[Attach::Once("is_open", "task_file")]),
        Hook::wanted(&[Attach::Once("is_there", "tcp"), Attach::With("changed")]),
    ],
    tables: &[
        Table {
            name: "tcp_connection",
            doc: "TCP connections and listeners of all network namespaces, as they are. The process \
                  is the one that connected or listened, and of a connection that was accepted the \
                  first that read from it. Those that only wait for their time to be over \
                  (TIME_WAIT) and those that are not established yet (SYN_RECV) are left out. Costs \
                  some 0.25 us a socket and sample and 130 ns a read; before 5.11 0.7 us, and 7 ns for \
                  each place in the kernel's table of connections, and only those of the \
                  recorder's network namespace are seen.",
            origin: Origin::Iterator("each"),
            keys: &[
                Column::endpoint("local", "address and port here"),
                Column::endpoint("remote", "address and port of the other side"),
                Column::id("net_ns", Cell::U32, NET_NS),
                Column::id("inode", Cell::U64, "that of the socket, 0 when no file has it"),
            ],
            values: columns_of_task![
                Column::named("direction", Cell::U32, DIRECTIONS, "connected, accepted, listening"),
                Column::named("state", Cell::U32, names::TCP_STATES, "of the connection"),
                Column::gauge(
                    "age_ns",
                    Cell::U64,
                    "ns",
                    "time since it began, of one that began under our eyes",
                ),
                Column::counter(
                    "bytes_acked",
                    "bytes",
                    "sent and acknowledged; SYN and FIN are one"
                ),
                Column::counter("bytes_received", "bytes", "received in order; FIN is one"),
                Column::counter("retransmits", "count", "segments that were sent again"),
                Column::gauge("srtt_us", Cell::U32, "us", "round trip time, smoothed"),
                Column::gauge("rtt_deviation_us", Cell::U32, "us", "its mean deviation"),
                Column::gauge("cwnd", Cell::U32, "count", "congestion window, segments"),
                Column::gauge("ssthresh", Cell::U32, "count", "slow start threshold, segments"),
                Column::gauge("snd_wnd_bytes", Cell::U32, "bytes", "window of the other side"),
                Column::gauge("rcv_wnd_bytes", Cell::U32, "bytes", "window that is offered"),
                Column::gauge("snd_buf_bytes", Cell::U32, "bytes", "most that may be queued"),
                Column::gauge("rcv_buf_bytes", Cell::U32, "bytes", "most that may wait to be read"),
                Column::gauge(
                    "queued_bytes",
                    Cell::U32,
                    "bytes",
                    "memory of what is sent or is to be, and is not acknowledged",
                ),
                Column::gauge("unread_bytes", Cell::U32, "bytes", "received and not read yet"),
                Column::gauge("mss_bytes", Cell::U32, "bytes", "most that a segment carries"),
                Column::gauge(
                    "accept_queue",
                    Cell::U32,
                    "count",
                    "of a listener: connections that wait to be accepted",
                ),
                Column::gauge("accept_limit", Cell::U32, "count", "most of those (its backlog)"),
                Column::gauge(
                    "syn_queue",
                    Cell::U32,
                    "count",
                    "of a listener: connections that are not established yet",
                ),
            ],
        },
        Table {
            name: "tcp_close",
            doc: "TCP connections that have ended, or were never established, of all network \
                  namespaces: what they carried. However short one was, it is here.",
            origin: Origin::Events("events"),
            keys: &[Column::named("direction", Cell::U32, DIRECTIONS, "connected, accepted")],
            values: columns_of_task![
                Column::endpoint("local", "address and port here"),
                Column::endpoint("remote", "address and port of the other side"),
                Column::id("net_ns", Cell::U32, NET_NS),
                Column::named("state", Cell::U32, names::TCP_STATES, "in which it ended"),
                Column::decoded(
                    "error",
                    Cell::I32,
                    names::error,
                    "that it ended with: ECONNRESET, ECONNREFUSED, ETIMEDOUT; nothing if none",
                ),
                Column::gauge(
                    "lived_ns",
                    Cell::U64,
                    "ns",
                    "time since it began, of one that began under our eyes",
                ),
                Column::gauge(
                    "bytes_acked",
                    Cell::U64,
                    "bytes",
                    "sent and acknowledged; SYN and FIN are one",
                ),
                Column::gauge("bytes_received", Cell::U64, "bytes", "received; FIN is one"),
                Column::gauge("retransmits", Cell::U64, "count", "segments that were sent again"),
                Column::gauge("srtt_us", Cell::U32, "us", "round trip time, smoothed"),
                Column::gauge("mss_bytes", Cell::U32, "bytes", "most that a segment carried"),
            ],
        },
    ],
    ..COMMON
};
