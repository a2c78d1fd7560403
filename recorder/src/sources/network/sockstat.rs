//! `/proc/net/sockstat` and `/proc/net/sockstat6`: how many sockets there are and what they hold, in
//! the network namespace of the recorder.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, lines};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `socket`.
pub const SOURCE: Descriptor = Descriptor {
    name: "sockstat",
    reads: "/proc/net/sockstat, /proc/net/sockstat6",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// What the number of a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sockets, or queues of fragments.
    Count,
    /// Pages, told in bytes.
    Pages,
    /// Bytes.
    Bytes,
}

use Kind::{Bytes, Count, Pages};

/// One field of the files (`net/ipv4/proc.c`, `net/ipv6/proc.c`).
struct Field {
    /// What its line begins with.
    line: &'static [u8],
    /// Its name in the line.
    name: &'static [u8],
    column: &'static str,
    kind: Kind,
    doc: &'static str,
}

const fn field(
    line: &'static [u8],
    name: &'static [u8],
    column: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Field {
    Field { line, name, column, kind, doc }
}

const FIELDS: [Field; 18] = [
    field(b"sockets:", b"used", "used", Count, "sockets of every kind"),
    field(b"TCP:", b"inuse", "tcp_in_use", Count, "TCP sockets that are bound or connected"),
    field(b"TCP:", b"orphan", "tcp_orphan", Count, "TCP sockets that no process holds any more"),
    field(b"TCP:", b"tw", "tcp_time_wait", Count, "connections in TIME_WAIT"),
    field(b"TCP:", b"alloc", "tcp_allocated", Count, "TCP sockets, also those not yet connected"),
    field(b"TCP:", b"mem", "tcp_memory_bytes", Pages, "memory of TCP sockets, of all namespaces"),
    field(b"UDP:", b"inuse", "udp_in_use", Count, "UDP sockets that are bound"),
    field(b"UDP:", b"mem", "udp_memory_bytes", Pages, "memory of UDP sockets, of all namespaces"),
    field(b"UDPLITE:", b"inuse", "udp_lite_in_use", Count, "UDP-Lite sockets that are bound"),
    field(b"RAW:", b"inuse", "raw_in_use", Count, "raw sockets"),
    field(
        b"FRAG:",
        b"inuse",
        "fragment_queues",
        Count,
        "packets being put together from fragments",
    ),
    field(b"FRAG:", b"memory", "fragment_memory_bytes", Bytes, "memory of these"),
    field(b"TCP6:", b"inuse", "tcp6_in_use", Count, "the same over IPv6"),
    field(b"UDP6:", b"inuse", "udp6_in_use", Count, "the same over IPv6"),
    field(b"UDPLITE6:", b"inuse", "udp_lite6_in_use", Count, "the same over IPv6"),
    field(b"RAW6:", b"inuse", "raw6_in_use", Count, "the same over IPv6"),
    field(b"FRAG6:", b"inuse", "fragment6_queues", Count, "the same over IPv6"),
    field(b"FRAG6:", b"memory", "fragment6_memory_bytes", Bytes, "memory of these"),
];

fn tables() -> Vec<Schema> {
    let doc = "How many sockets there are, and the memory that they hold";
    let mut schema = Schema::sample("socket", "/proc/net/sockstat, /proc/net/sockstat6", doc);
    for Field { column, kind, doc, .. } in FIELDS {
        let unit = if kind == Count { unit::COUNT } else { unit::BYTES };
        schema = schema.gauge(column, ColumnType::U64, unit, doc);
        if kind == Pages {
            schema = schema.counted_in(page_bytes());
        }
    }
    vec![schema]
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let open = |name| ProcFile::open(context.proc.join("net").join(name), Rendering::Whole);
    // The second is not there when the kernel has no IPv6.
    let sockstat6 = match open("sockstat6") {
        Ok(file) => Some(file),
        Err(SourceError::Unavailable { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Box::new(Sockstat { files: [Some(open("sockstat")?), sockstat6], page_bytes: page_bytes() }))
}

struct Sockstat {
    files: [Option<ProcFile>; 2],
    page_bytes: u64,
}

impl Source for Sockstat {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let mut cells = [None; FIELDS.len()];
        for file in self.files.iter_mut().flatten() {
            for line in lines(file.read()?) {
                let mut fields = Fields::new(line);
                let Some(group) = fields.word() else { continue };
                while let (Some(name), Some(number)) = (fields.word(), fields.u64()) {
                    let known = |field: &Field| field.line == group && field.name == name;
                    for (_, cell) in FIELDS.iter().zip(&mut cells).filter(|(f, _)| known(f)) {
                        *cell = Some(number);
                    }
                }
            }
        }
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for (field, number) in FIELDS.iter().zip(cells) {
            let scale = if field.kind == Pages { self.page_bytes } else { 1 };
            table.opt_u64(number.map(|number: u64| number.wrapping_mul(scale)));
        }
        table.end_sample();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, page_bytes};
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use nodemon_formats::Value;
    use std::net::UdpSocket;

    #[test]
    fn sockets_that_are_opened_are_counted() {
        let before = sample_of(&SOURCE, &Context::default()).u64(&[], "udp_in_use");
        let sockets: Vec<UdpSocket> =
            (0..200).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let with = sample_of(&SOURCE, &Context::default()).u64(&[], "udp_in_use");
        // Other tests open and close a few of their own meanwhile.
        assert!(with + 20 >= before + sockets.len() as u64, "{before}, then {with}");
    }

    #[test]
    fn every_field_has_its_column_and_those_of_ipv6_are_absent_without_it() {
        let text = "sockets: used 33\nTCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nUDP: inuse 4 mem 6\n\
                    UDPLITE: inuse 0\nRAW: inuse 8\nFRAG: inuse 9 memory 10\nNEW: x 1\n";
        let (_dir, context) = context(&[("net/sockstat", text)]);
        let table = sample_of(&SOURCE, &context);
        let expected = [
            ("used", 33),
            ("tcp_in_use", 5),
            ("tcp_orphan", 1),
            ("tcp_time_wait", 2),
            ("tcp_allocated", 7),
            ("tcp_memory_bytes", 3 * page_bytes()),
            ("udp_in_use", 4),
            ("udp_memory_bytes", 6 * page_bytes()),
            ("udp_lite_in_use", 0),
            ("raw_in_use", 8),
            ("fragment_queues", 9),
            ("fragment_memory_bytes", 10),
        ];
        for (column, value) in expected {
            assert_eq!(table.u64(&[], column), value, "{column}");
        }
        assert_eq!(table.value(&[], "tcp6_in_use"), Value::Absent);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
