//! Mounted file systems: how full they are (statvfs(3)).
//!
//! Whether a `statfs` comes back is up to others: a file server, the daemon of a FUSE file system,
//! the pool of a ZFS that is suspended, whoever holds a directory on the way there. So each mount is
//! asked where only that waits ([`crate::waiting`]), local ones too.

mod asked;
mod mounts;
mod statfs;
#[cfg(test)]
mod tests;

use self::asked::{Asked, AskedMounts};
use self::mounts::Mounts;
use crate::kernel_files::file::{ProcFile, Rendering};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `filesystem`.
///
/// Every 10 s: file systems fill slowly, but the last free gigabyte is gone within seconds when a
/// job writes at the speed of the disk.
pub const SOURCE: Descriptor = Descriptor {
    name: "filesystem",
    reads: "/proc/self/mountinfo, statvfs",
    default_interval: Duration::from_secs(10),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let doc = "How full each file system is that can be reached from the recorder's mount \
               namespace, once for each, at the place where it was mounted first, those of servers \
               and of FUSE too. Each is asked on its own: while one does not answer its figures are \
               absent, and a gap names it. One that takes longer than 100 ms is shown as it answered \
               since the sample before. Overlays are left out: their space is that of the file \
               system beneath.";
    let schema = Schema::sample("filesystem", "/proc/self/mountinfo, statvfs(3)", doc)
        .key("mount", ColumnType::String, "where it is mounted")
        .key("device", ColumnType::String, "what is mounted")
        .key("type", ColumnType::String, "type of the file system")
        .gauge("total_bytes", ColumnType::U64, unit::BYTES, "size (f_blocks)")
        .gauge("free_bytes", ColumnType::U64, unit::BYTES, "unused (f_bfree)")
        .gauge(
            "available_bytes",
            ColumnType::U64,
            unit::BYTES,
            "unused, without what is reserved for root (f_bavail)",
        )
        .gauge(
            "inodes_total",
            ColumnType::U64,
            unit::COUNT,
            "inodes, 0 where there is no limit (f_files)",
        )
        .gauge("inodes_free", ColumnType::U64, unit::COUNT, "unused inodes (f_ffree)")
        .state(
            "read_only",
            ColumnType::Bool,
            "mounted read-only, which the kernel does by itself after an error on some",
        );
    vec![schema]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    // Small enough to be read anew each time, which is simpler than to be told of changes.
    let file = ProcFile::open(context.proc.join("self/mountinfo"), Rendering::Lines)?;
    let asked = AskedMounts::new(context.asked.interval);
    Ok(Box::new(Filesystem { file, mounts: Mounts::default(), asked, sampled_ns: None }))
}

struct Filesystem {
    file: ProcFile,
    mounts: Mounts,
    asked: AskedMounts,
    /// When it was sampled last.
    sampled_ns: Option<u64>,
}

impl Source for Filesystem {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Filesystem { file, mounts, asked, sampled_ns } = self;
        let since_ns = sampled_ns.unwrap_or_else(|| sink.time_ns());
        let text = file.read()?;
        mounts.read(text);
        asked.begin();
        mounts.visit(text, |line, way| asked.note(line, way));
        asked.ask();
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        asked.mounts().iter().for_each(|mount| push(table, mount));
        table.end_sample();
        asked.report_hangs(sink, (since_ns, time_ns));
        *sampled_ns = Some(time_ns);
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        self.asked.limits()
    }
}

/// Adds the row of a mount. What is not known is absent.
fn push(table: &mut RecordBuilder, mount: &Asked) {
    table.instance(|key| {
        key.bytes(mount.point());
        key.bytes(&mount.source);
        key.bytes(&mount.kind);
    });
    let figures = mount.figures();
    table.opt_u64(figures.map(|figures| figures.total_bytes));
    table.opt_u64(figures.map(|figures| figures.free_bytes));
    table.opt_u64(figures.map(|figures| figures.available_bytes));
    table.opt_u64(figures.map(|figures| figures.inodes));
    table.opt_u64(figures.map(|figures| figures.inodes_free));
    match figures {
        Some(figures) => table.bool(figures.is_read_only),
        None => table.absent(),
    }
}
