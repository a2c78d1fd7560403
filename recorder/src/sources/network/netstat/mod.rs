//! `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/snmp6`: what the network protocols count,
//! in the network namespace of the recorder.

mod fields;
mod names;
mod pairs;

use self::pairs::PairFile;
use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::keyed::{Field, Row, lost_fields, with_fields};
use crate::kernel_files::text::lines;
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use crate::sources::keyed_file::put_row;
use nodemon_formats::Schema;
use std::sync::LazyLock;
use std::time::Duration;

/// The source of the table `netstat`.
pub const SOURCE: Descriptor = Descriptor {
    name: "netstat",
    reads: "/proc/net/snmp, /proc/net/netstat, /proc/net/snmp6",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: Some(&described),
    open: &open,
};

/// What the running kernel has: every version adds some.
static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let text = |name: &str| std::fs::read(format!("/proc/net/{name}")).unwrap_or_default();
    fields::fields(&[&text("snmp"), &text("netstat")], &text("snmp6"))
});

fn tables() -> Vec<Schema> {
    vec![schema(&FIELDS)]
}

/// The tables with the columns that are described, whatever the kernel has.
pub fn described() -> Vec<Schema> {
    vec![schema(&fields::described())]
}

fn schema(fields: &[Field]) -> Schema {
    let doc = "What IP, ICMP, TCP, UDP and MPTCP count since the network namespace was made. The \
               columns are those of the kernel that was recorded; each names the counter as \
               nstat(8) does. ICMP messages by number are left out: the kernel lists a number \
               once it has seen it, and the usual ones have columns of their own.";
    let reads = "/proc/net/snmp, /proc/net/netstat, /proc/net/snmp6";
    with_fields(Schema::sample("netstat", reads, doc), fields)
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(Netstat::open(context, &FIELDS)?))
}

struct Netstat {
    snmp: PairFile,
    netstat: PairFile,
    /// Not there when the kernel has no IPv6.
    snmp6: Option<ProcFile>,
    row: Row,
}

impl Netstat {
    fn open(context: &Context, fields: &[Field]) -> Result<Netstat, SourceError> {
        let open =
            |name: &str| ProcFile::open(context.proc.join("net").join(name), Rendering::Whole);
        let snmp6 = match open("snmp6") {
            Ok(file) => Some(file),
            Err(SourceError::Unavailable { .. }) => None,
            Err(error) => return Err(error),
        };
        let (snmp, netstat) = (PairFile::new(open("snmp")?), PairFile::new(open("netstat")?));
        Ok(Netstat { snmp, netstat, snmp6, row: Row::new(fields) })
    }
}

impl Source for Netstat {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        self.row.clear();
        self.snmp.read(&mut self.row)?;
        self.netstat.read(&mut self.row)?;
        if let Some(file) = &mut self.snmp6 {
            for line in lines(file.read()?) {
                self.row.take(line);
            }
        }
        put_row(sink, &self.row);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        let snmp6 = self.snmp6.as_ref().and_then(|file| {
            let lost = self.row.without_column();
            lost_fields(file.path(), lost.filter(|name| !names::is_message_by_number(name)))
        });
        [self.snmp.limits(), self.netstat.limits(), snmp6].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Netstat, SOURCE, fields, schema};
    use crate::source::test_support::{
        Table, assert_steady_state_allocates_nothing, context, sample, sample_of,
    };
    use crate::source::{Context, Source};
    use nodemon_formats::{ColumnType, Semantics, Value};
    use procfs::Current;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn each_counter_lies_between_what_procfs_reads_before_and_after() {
        // Something to count.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"nobody", "127.0.0.1:9").unwrap();
        let before = procfs::net::Snmp::current().unwrap();
        let table = sample_of(&SOURCE, &Context::default());
        let after = procfs::net::Snmp::current().unwrap();
        let between = |column: &str, field: fn(&procfs::net::Snmp) -> u64| {
            let (a, b, ours) = (field(&before), field(&after), table.u64(&[], column));
            assert!(a <= ours && ours <= b, "{column}: {a} <= {ours} <= {b}");
            ours
        };
        assert!(between("ip_in_receives", |snmp| snmp.ip_in_receives) > 0);
        assert!(between("tcp_active_opens", |snmp| snmp.tcp_active_opens) > 0);
        assert!(between("tcp_in_segs", |snmp| snmp.tcp_in_segs) > 0);
        between("tcp_retrans_segs", |snmp| snmp.tcp_retrans_segs);
        between("udp_in_errors", |snmp| snmp.udp_in_errors);
        assert!(between("udp_out_datagrams", |snmp| snmp.udp_out_datagrams) > 0);
        assert!(table.u64(&[], "ip_ext_in_octets") > 0);
        assert!(table.u64(&[], "tcp_curr_estab") >= 2, "both ends of one connection");
        let max = before.tcp_max_conn;
        assert_eq!(table.value(&[], "tcp_max_conn"), Value::I64(max));
        assert_eq!(table.u64(&[], "tcp_rto_min_ns"), before.tcp_rto_min * 1_000_000);
    }

    /// The kernel's text as a source reads it, and then what it says later.
    fn sampled(files: &[(&str, &str)], later: &[(&str, &str)]) -> (Table, Table, Vec<String>) {
        let (dir, context) = context(files);
        let text = |name: &str| std::fs::read(dir.path().join(name)).unwrap_or_default();
        let fields = fields::fields(&[&text("net/snmp"), &text("net/netstat")], &text("net/snmp6"));
        let schemas = [schema(&fields)];
        let mut source = Netstat::open(&context, &fields).unwrap();
        let first = sample(&mut source, &schemas).unwrap().remove(0);
        for (name, text) in later {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let second = sample(&mut source, &schemas).unwrap().remove(0);
        (first, second, source.limits())
    }

    const SNMP: &str = "Tcp: RtoMin MaxConn CurrEstab RetransSegs\nTcp: 200 -1 7 42\n";
    const NETSTAT: &str = "TcpExt: ListenDrops TCPHPHits TCPMemoryPressuresChrono\nTcpExt: 3 4 5\n";

    #[test]
    fn numbers_stand_under_the_names_of_the_line_above() {
        let (table, _, limits) = sampled(&[("net/snmp", SNMP), ("net/netstat", NETSTAT)], &[]);
        assert_eq!(table.value(&[], "tcp_max_conn"), Value::I64(-1));
        assert_eq!(table.u64(&[], "tcp_rto_min_ns"), 200_000_000);
        assert_eq!(table.u64(&[], "tcp_curr_estab"), 7);
        assert_eq!(table.u64(&[], "tcp_retrans_segs"), 42);
        assert_eq!(table.u64(&[], "tcp_ext_listen_drops"), 3);
        assert_eq!(table.u64(&[], "tcp_ext_hp_hits"), 4);
        assert_eq!(table.u64(&[], "tcp_ext_memory_pressures_chrono_ns"), 5_000_000);
        assert_eq!(limits, [""; 0]);
        let column = |name: &str| table.schema.values.iter().find(|c| c.name == name).unwrap();
        assert_eq!(column("tcp_curr_estab").semantics, Semantics::Gauge);
        assert_eq!(column("tcp_retrans_segs").semantics, Semantics::Counter);
        assert_eq!(column("tcp_max_conn").kind, ColumnType::I64);
    }

    #[test]
    fn lines_and_fields_that_come_and_go_move_no_number_to_another_name() {
        let snmp = "IcmpMsg: InType3\nIcmpMsg: 9\nTcp: CurrEstab New RetransSegs\nTcp: 8 1 43\n";
        let (_, table, limits) = sampled(
            &[("net/snmp", SNMP), ("net/netstat", NETSTAT), ("net/snmp6", "Ip6InReceives 5\n")],
            &[
                ("net/snmp", snmp),
                ("net/netstat", "TcpExt: ListenDrops\nTcpExt:\n"),
                ("net/snmp6", "Icmp6InType135 4\nIp6InReceives 6\n"),
            ],
        );
        assert_eq!(table.u64(&[], "tcp_curr_estab"), 8);
        assert_eq!(table.u64(&[], "tcp_retrans_segs"), 43);
        assert_eq!(table.u64(&[], "ip6_in_receives"), 6);
        for gone in ["tcp_max_conn", "tcp_ext_listen_drops", "tcp_ext_hp_hits"] {
            assert_eq!(table.value(&[], gone), Value::Absent, "{gone}");
        }
        assert_eq!(limits.len(), 1, "messages by number are left out knowingly: {limits:?}");
        assert!(limits[0].contains("TcpNew"), "{limits:?}");
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
