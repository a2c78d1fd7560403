//! `/proc/net/dev`: what went through each network interface, in the network namespace of the
//! recorder.

use crate::kernel_files::text::{Fields, rsplit_once, trim};
use crate::source::{Context, Descriptor, Source, SourceError, SourceKind};
use crate::sources::line_file::LineFile;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `net`.
pub const SOURCE: Descriptor = Descriptor {
    name: "netdev",
    reads: "/proc/net/dev",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// The columns in the order of the file (`net/core/net-procfs.c`).
const COUNTERS: [(&str, &str, &str); 16] = [
    ("rx_bytes", unit::BYTES, "received"),
    ("rx_packets", unit::COUNT, "packets received"),
    ("rx_errors", unit::COUNT, "packets received in error (errs)"),
    ("rx_dropped", unit::COUNT, "packets received and dropped, missed ones included (drop)"),
    ("rx_fifo_errors", unit::COUNT, "overruns of the receive queue (fifo)"),
    ("rx_frame_errors", unit::COUNT, "wrong length, checksum or alignment (frame)"),
    ("rx_compressed", unit::COUNT, "compressed packets received"),
    ("multicast", unit::COUNT, "multicast packets received"),
    ("tx_bytes", unit::BYTES, "sent"),
    ("tx_packets", unit::COUNT, "packets sent"),
    ("tx_errors", unit::COUNT, "packets that could not be sent (errs)"),
    ("tx_dropped", unit::COUNT, "packets dropped before sending (drop)"),
    ("tx_fifo_errors", unit::COUNT, "underruns of the send queue (fifo)"),
    ("collisions", unit::COUNT, "collisions (colls)"),
    ("tx_carrier_errors", unit::COUNT, "carrier, aborted, window or heartbeat errors (carrier)"),
    ("tx_compressed", unit::COUNT, "compressed packets sent"),
];

fn tables() -> Vec<Schema> {
    let doc = "What went through each network interface since it was made";
    let schema = Schema::sample("net", "/proc/net/dev", doc).key(
        "interface",
        ColumnType::String,
        "name of the interface",
    );
    vec![
        COUNTERS.iter().fold(schema, |schema, (name, unit, doc)| schema.counter(name, *unit, *doc)),
    ]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let path = context.proc.join("net/dev");
    Ok(Box::new(LineFile::open(path, split, put)?))
}

/// The last colon ends the name, because an alias has one in it. The header has none.
fn split(line: &[u8]) -> Option<(&[u8], Fields<'_>)> {
    let (name, counts) = rsplit_once(line, b':')?;
    Some((trim(name), Fields::new(counts)))
}

fn put(fields: &mut Fields<'_>, table: &mut RecordBuilder) {
    for _ in COUNTERS {
        table.opt_u64(fields.u64());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use nodemon_formats::Value;
    use procfs::Current;
    use procfs::net::{DeviceStatus, InterfaceDeviceStatus};
    use std::net::UdpSocket;

    type Field = fn(&DeviceStatus) -> u64;

    const FIELDS: [(&str, Field); 16] = [
        ("rx_bytes", |d| d.recv_bytes),
        ("rx_packets", |d| d.recv_packets),
        ("rx_errors", |d| d.recv_errs),
        ("rx_dropped", |d| d.recv_drop),
        ("rx_fifo_errors", |d| d.recv_fifo),
        ("rx_frame_errors", |d| d.recv_frame),
        ("rx_compressed", |d| d.recv_compressed),
        ("multicast", |d| d.recv_multicast),
        ("tx_bytes", |d| d.sent_bytes),
        ("tx_packets", |d| d.sent_packets),
        ("tx_errors", |d| d.sent_errs),
        ("tx_dropped", |d| d.sent_drop),
        ("tx_fifo_errors", |d| d.sent_fifo),
        ("collisions", |d| d.sent_colls),
        ("tx_carrier_errors", |d| d.sent_carrier),
        ("tx_compressed", |d| d.sent_compressed),
    ];

    #[test]
    fn each_counter_lies_between_what_procfs_reads_before_and_after() {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"nobody", "127.0.0.1:9").unwrap();
        let before = InterfaceDeviceStatus::current().unwrap().0;
        let table = sample_of(&SOURCE, &Context::default());
        let after = InterfaceDeviceStatus::current().unwrap().0;
        assert_eq!(table.rows.len(), before.len());
        for (interface, a) in &before {
            for (column, field) in FIELDS {
                let (a, b) = (field(a), field(&after[interface]));
                let ours = table.u64(&[interface], column);
                assert!(a <= ours && ours <= b, "{interface} {column}: {a} <= {ours} <= {b}");
            }
        }
        assert!(table.u64(&["lo"], "tx_bytes") > 0, "a datagram was sent");
    }

    #[test]
    fn names_with_a_colon_and_numbers_that_touch_it_are_read() {
        let text = "Inter-|   Receive\n face |bytes packets\n\
                    \x20 lo:4294967296 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
                    eth0:1: 21 22 23 24 25 26 27 28\n\
                    eth0:1: 21 22 23 24 25 26 27 28\n\
                    wlp0s20f3: 31 x\n";
        let (_dir, context) = context(&[("net/dev", text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["lo", "eth0:1", "wlp0s20f3"], "once each");
        assert_eq!(table.u64(&["lo"], "rx_bytes"), 1 << 32);
        assert_eq!(table.u64(&["lo"], "tx_compressed"), 16);
        assert_eq!(table.u64(&["eth0:1"], "multicast"), 28);
        assert_eq!(table.value(&["eth0:1"], "tx_bytes"), Value::Absent);
        assert_eq!(table.value(&["wlp0s20f3"], "rx_packets"), Value::Absent);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
