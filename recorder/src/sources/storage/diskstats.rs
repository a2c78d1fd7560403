//! `/proc/diskstats`: what each block device and each partition was asked to do.

use crate::kernel_files::text::Fields;
use crate::source::{Context, Descriptor, Source, SourceError, SourceKind};
use crate::sources::line_file::LineFile;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `disk`.
pub const SOURCE: Descriptor = Descriptor {
    name: "diskstats",
    reads: "/proc/diskstats",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

/// What a field counts, which says how it becomes a column.
#[derive(Clone, Copy)]
enum Kind {
    /// Requests.
    Requests,
    /// Sectors, of 512 bytes whatever the device's own are; told in bytes.
    Sectors,
    /// Milliseconds, told in ns. The kernel keeps 32 bits of them.
    Milliseconds,
    /// Requests under way now.
    InFlight,
}

use Kind::{InFlight, Milliseconds, Requests, Sectors};

/// The fields after the name (`Documentation/admin-guide/iostats.rst`). Kernels before 4.18 have
/// the first 11, before 5.5 the first 15.
const FIELDS: [(&str, Kind, &str); 17] = [
    ("reads_completed", Requests, "reads completed"),
    ("reads_merged", Requests, "reads merged with an adjacent one before they were issued"),
    ("read_bytes", Sectors, "read"),
    ("read_time_ns", Milliseconds, "time that reads took, added up"),
    ("writes_completed", Requests, "writes completed"),
    ("writes_merged", Requests, "writes merged with an adjacent one before they were issued"),
    ("write_bytes", Sectors, "written"),
    ("write_time_ns", Milliseconds, "time that writes took, added up"),
    ("in_flight", InFlight, "requests issued and not yet completed"),
    ("io_time_ns", Milliseconds, "time with at least one request under way"),
    ("weighted_io_time_ns", Milliseconds, "time of all requests, added up while under way"),
    ("discards_completed", Requests, "discards completed"),
    ("discards_merged", Requests, "discards merged with an adjacent one before they were issued"),
    ("discard_bytes", Sectors, "discarded"),
    ("discard_time_ns", Milliseconds, "time that discards took, added up"),
    ("flushes_completed", Requests, "flushes completed; of whole disks only"),
    ("flush_time_ns", Milliseconds, "time that flushes took, added up"),
];

/// Devices that every machine has many of, mostly unused.
const SPARE: [&[u8]; 3] = [b"loop", b"ram", b"nbd"];

fn tables() -> Vec<Schema> {
    let doc = "What each block device and partition was asked to do since boot. Times are kept by \
               the kernel in 32 bits of milliseconds and start over after 49.7 days of them. \
               Loop, RAM and network block devices that have never done any I/O have no row.";
    let schema = Schema::sample("disk", "/proc/diskstats", doc).key(
        "device",
        ColumnType::String,
        "name of the device or partition",
    );
    let column = |schema: Schema, (name, kind, doc): &(&str, Kind, &'static str)| match kind {
        Requests => schema.counter(name, unit::COUNT, *doc),
        Sectors => schema.counter(name, unit::BYTES, *doc).counted_in(kind.scale()),
        Milliseconds => schema.counter(name, unit::NS, *doc).counted_in(kind.scale()),
        InFlight => schema.gauge(name, ColumnType::U64, unit::COUNT, *doc),
    };
    vec![FIELDS.iter().fold(schema, column)]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let path = context.proc.join("diskstats");
    Ok(Box::new(LineFile::open(path, split, put)?))
}

/// A line begins with the numbers of the device; spare devices without I/O have no row.
fn split(line: &[u8]) -> Option<(&[u8], Fields<'_>)> {
    let mut fields = Fields::new(line);
    fields.skip(2);
    let name = fields.word()?;
    (!is_unused(name, fields.rest())).then_some((name, fields))
}

fn put(fields: &mut Fields<'_>, table: &mut RecordBuilder) {
    for (_, kind, _) in &FIELDS {
        let count = fields.u64().filter(|count| kind.is_possible(*count));
        table.opt_u64(count.map(|count| count.wrapping_mul(kind.scale())));
    }
}

/// Whether this is a spare device and none of its `counts` has left zero.
fn is_unused(name: &[u8], counts: &[u8]) -> bool {
    SPARE.iter().any(|prefix| name.starts_with(prefix))
        && counts.iter().all(|byte| matches!(byte, b'0' | b' '))
}

impl Kind {
    /// Some drivers end more requests than they began, and what is under way is -1 in an unsigned.
    const fn is_possible(self, count: u64) -> bool {
        !matches!(self, InFlight) || count < 1 << 31
    }

    const fn scale(self) -> u64 {
        match self {
            Requests | InFlight => 1,
            Sectors => 512,
            Milliseconds => 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{FIELDS, SOURCE};
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, context, sample_of};
    use nodemon_formats::Value;
    use procfs::DiskStat;

    fn of_procfs(disk: &DiskStat) -> [Option<u64>; 17] {
        let ns = |ms: u64| ms * 1_000_000;
        [
            Some(disk.reads),
            Some(disk.merged),
            Some(disk.sectors_read * 512),
            Some(ns(disk.time_reading)),
            Some(disk.writes),
            Some(disk.writes_merged),
            Some(disk.sectors_written * 512),
            Some(ns(disk.time_writing)),
            Some(disk.in_progress),
            Some(ns(disk.time_in_progress)),
            Some(ns(disk.weighted_time_in_progress)),
            disk.discards,
            disk.discards_merged,
            disk.sectors_discarded.map(|sectors| sectors * 512),
            disk.time_discarding.map(ns),
            disk.flushes,
            disk.time_flushing.map(ns),
        ]
    }

    #[test]
    fn each_counter_of_each_disk_lies_between_what_procfs_reads_before_and_after() {
        let before = procfs::diskstats().unwrap();
        let table = sample_of(&SOURCE, &Context::default());
        let after = procfs::diskstats().unwrap();
        let keys = table.keys();
        let used = |disk: &&DiskStat| keys.contains(&disk.name);
        let unused = before.iter().filter(|disk| !used(disk));
        for disk in unused {
            assert!(disk.reads + disk.writes == 0, "{} is used and has no row", disk.name);
        }
        for (a, b) in before.iter().zip(&after).filter(|(a, _)| used(a)) {
            let bounds = of_procfs(a).into_iter().zip(of_procfs(b));
            for ((column, _, _), (a_value, b_value)) in FIELDS.iter().zip(bounds) {
                let (Some(low), Some(high)) = (a_value, b_value) else { continue };
                let ours = table.u64(&[&a.name], column);
                let moves = *column == "in_flight";
                assert!(
                    moves || low <= ours && ours <= high,
                    "{} {column}: {low} <= {ours} <= {high}",
                    a.name
                );
            }
        }
        assert_eq!(after.len(), before.len());
    }

    #[test]
    fn kernels_with_fewer_fields_leave_the_others_absent() {
        let text = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n\
                    \x20  8       1 sda1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n\
                    \x20259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n";
        let (_dir, context) = context(&[("diskstats", text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["sda", "sda1", "nvme0n1"], "partitions are kept");
        assert_eq!(table.u64(&["sda"], "read_bytes"), 3 * 512);
        assert_eq!(table.u64(&["sda"], "write_time_ns"), 8_000_000);
        assert_eq!(table.u64(&["sda"], "in_flight"), 9);
        assert_eq!(table.u64(&["sda"], "weighted_io_time_ns"), 11_000_000);
        assert_eq!(table.value(&["sda"], "discards_completed"), Value::Absent);
        assert_eq!(table.u64(&["sda1"], "discard_time_ns"), 15_000_000);
        assert_eq!(table.value(&["sda1"], "flushes_completed"), Value::Absent);
        assert_eq!(table.u64(&["nvme0n1"], "flush_time_ns"), 17_000_000);
    }

    #[test]
    fn a_line_that_comes_again_costs_no_other_and_less_than_no_requests_are_absent() {
        let text = "8 0 sda 1 2 3 4 5 6 7 8 4294967295 10 11\n8 16 sdb 2 0 0 0 0 0 0 0 0 0 0\n\
                    8 0 sda 9 0 0 0 0 0 0 0 0 0 0\n8 32 sdc 3 0 0 0 0 0 0 0 0 0 0\n";
        let (_dir, context) = context(&[("diskstats", text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.keys(), ["sda", "sdb", "sdc"]);
        assert_eq!(table.u64(&["sda"], "reads_completed"), 1, "the first one counts");
        assert_eq!(table.value(&["sda"], "in_flight"), Value::Absent);
        assert_eq!(table.u64(&["sda"], "io_time_ns"), 10_000_000);
        assert_eq!(table.u64(&["sdc"], "reads_completed"), 3);
    }

    #[test]
    fn spare_devices_have_a_row_once_they_are_used_and_disks_always() {
        let text = "7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n7 1 loop1 1 0 0 0 0 0 0 0 0 0 0\n\
                    1 0 ram0 0 0 0 0 0 0 0 0 0 0 0\n8 0 sda 0 0 0 0 0 0 0 0 0 0 0\n\
                    8 0 sda 0 0 0 0 0 0 0 0 0 0 0\n253 0 zram0 0 0 0 0 0 0 0 0 0 0 0\n\n8 1\n";
        let (_dir, context) = context(&[("diskstats", text)]);
        assert_eq!(sample_of(&SOURCE, &context).keys(), ["loop1", "sda", "zram0"]);
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
