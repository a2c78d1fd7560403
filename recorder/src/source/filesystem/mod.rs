//! Mounted file systems: how full they are (statvfs(3)).

mod mounts;

use self::mounts::{Kind, Line, Mounts};
use super::{Context, Descriptor, Nature, Sink, Source, SourceError};
use crate::parse::lines;
use crate::procfile::{ProcFile, Rendering};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};
use std::ffi::CStr;
use std::path::PathBuf;
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
    nature: Nature::Read,
    tables: &tables,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let doc = "How full each local file system is that can be reached from the recorder's mount \
               namespace, once for each, at the place where it was mounted first. Network and FUSE \
               file systems are left out, and what is mounted below them: one that does not answer \
               would hold up the recorder. Overlays are left out too: their space is that of the \
               file system beneath.";
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
    Ok(Box::new(Filesystem { file, mounts: Mounts::default(), path: Vec::new() }))
}

struct Filesystem {
    file: ProcFile,
    mounts: Mounts,
    /// The path of one mount, ended by NUL.
    path: Vec<u8>,
}

impl Source for Filesystem {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Filesystem { file, mounts, path } = self;
        let text = file.read()?;
        mounts.read(text);
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        mounts.visit_local(text, |mount| {
            unescape(mount.point, path);
            push(table, mount, path);
        });
        table.end_sample();
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        match std::fs::read(self.file.path()) {
            Ok(text) => left_out(&text).into_iter().collect(),
            Err(error) => vec![SourceError::read(self.file.path(), error).to_string()],
        }
    }
}

/// Adds the row of a mount whose path is `path`, ended by NUL. What cannot be asked is absent.
fn push(table: &mut RecordBuilder, mount: &Line<'_>, path: &[u8]) {
    table.instance(|key| {
        key.bytes(path.strip_suffix(b"\0").unwrap_or(path));
        key.bytes(mount.source);
        key.bytes(mount.kind);
    });
    let figures = CStr::from_bytes_with_nul(path).ok().and_then(|path| statvfs(path).ok());
    let blocks = |count: fn(&StatVfs) -> u64| {
        figures.as_ref().map(|figures| count(figures).saturating_mul(figures.f_frsize))
    };
    table.opt_u64(blocks(|figures| figures.f_blocks));
    table.opt_u64(blocks(|figures| figures.f_bfree));
    table.opt_u64(blocks(|figures| figures.f_bavail));
    table.opt_u64(figures.as_ref().map(|figures| figures.f_files));
    table.opt_u64(figures.as_ref().map(|figures| figures.f_ffree));
    match &figures {
        Some(figures) => table.bool(figures.f_flag.contains(StatVfsMountFlags::RDONLY)),
        None => table.absent(),
    }
}

/// Puts the path that the kernel wrote as `escaped` into `path`, ended by NUL. The kernel writes
/// blank, tab, line feed and backslash as a backslash and three octal digits.
fn unescape(escaped: &[u8], path: &mut Vec<u8>) {
    path.clear();
    let mut rest = escaped;
    while let [first, after @ ..] = rest {
        rest = after;
        let octal = |digit: &u8| matches!(digit, b'0'..=b'7').then(|| digit - b'0');
        let code = match after {
            [a, b, c, ..] if *first == b'\\' => octal(a).zip(octal(b)).zip(octal(c)),
            _ => None,
        };
        match code {
            Some(((a, b), c)) => {
                path.push(a.wrapping_mul(64).wrapping_add(b * 8).wrapping_add(c));
                rest = after.get(3..).unwrap_or_default();
            }
            None => path.push(*first),
        }
    }
    path.push(0);
}

/// Tells of the mounts that a person may miss in the table.
fn left_out(text: &[u8]) -> Option<String> {
    const SHOWN: usize = 5;
    let remote = lines(text).filter_map(Line::parse).filter(|line| line.class() == Kind::Remote);
    let mut path = Vec::new();
    let mut names: Vec<String> = remote
        .map(|line| {
            unescape(line.point, &mut path);
            let point = PathBuf::from(String::from_utf8_lossy(&path).trim_end_matches('\0'));
            format!("{} ({})", point.display(), String::from_utf8_lossy(line.kind))
        })
        .collect();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| {
        format!(
            "not asked how full they are, because a server that does not answer would hold up the \
             recorder: {}{more}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, unescape};
    use crate::source::Context;
    use crate::source::trial::{
        Table, assert_steady_state_allocates_nothing, context, sample, sample_of,
    };
    use nodemon_formats::Value;
    use procfs::process::Process;
    use rustix::fs::statvfs;
    use std::fmt::Write;

    #[test]
    fn every_mount_that_is_recorded_is_one_that_procfs_reads_and_says_what_statvfs_says() {
        let theirs = Process::myself().unwrap().mountinfo().unwrap();
        let table = sample_of(&SOURCE, &Context::default());
        assert!(!table.rows.is_empty(), "tmpfs at the least is everywhere");
        for (keys, cells) in &table.rows {
            let [mount, device, kind] = [0, 1, 2].map(|at| keys[at].to_string());
            let known = theirs.0.iter().any(|entry| {
                entry.mount_point.display().to_string() == mount
                    && entry.mount_source.as_deref() == Some(&device)
                    && entry.fs_type == kind
            });
            assert!(known, "{mount} {device} {kind}");
            let figures = statvfs(mount.as_str()).unwrap();
            assert_eq!(cells[0], Value::U64(figures.f_blocks * figures.f_frsize), "{mount}");
            assert_eq!(cells[3], Value::U64(figures.f_files), "{mount}");
        }
    }

    #[test]
    fn a_place_that_is_gone_is_absent_and_a_blank_in_its_name_is_a_blank() {
        let place = tempfile::tempdir().unwrap();
        let point = place.path().join("with blank");
        std::fs::create_dir(&point).unwrap();
        let mut text = String::from("1 0 8:1 / /no/such/place rw - ext4 /dev/sda1 rw\n");
        let escaped = point.display().to_string().replace(' ', "\\040");
        writeln!(text, "2 0 8:2 / {escaped} rw - xfs /dev/sda2 rw").unwrap();
        writeln!(text, "3 0 0:9 / /home rw - nfs server:/home rw").unwrap();
        let (_dir, context) = context(&[("self/mountinfo", &text)]);
        let mut source = (SOURCE.open)(&context).unwrap();
        let table: Table = sample(source.as_mut(), &(SOURCE.tables)()).unwrap().remove(0);
        assert_eq!(table.rows.len(), 2);
        let gone = ["/no/such/place", "/dev/sda1", "ext4"];
        assert_eq!(table.value(&gone, "total_bytes"), Value::Absent);
        assert_eq!(table.value(&gone, "read_only"), Value::Absent);
        let here = [&point.display().to_string(), "/dev/sda2", "xfs"];
        assert!(table.u64(&here, "total_bytes") > 0);
        assert!(table.u64(&here, "available_bytes") <= table.u64(&here, "free_bytes"));
        assert_eq!(table.value(&here, "read_only"), Value::Bool(false));
        let limits = source.limits();
        assert!(limits[0].contains("/home (nfs)"), "{limits:?}");
    }

    #[test]
    fn escapes_of_the_kernel_become_what_they_stand_for() {
        let mut path = Vec::new();
        for (escaped, plain) in [
            ("/a\\040b", "/a b\0"),
            ("/a\\011\\012\\134", "/a\t\n\\\0"),
            ("/a\\04", "/a\\04\0"),
            ("/a\\089", "/a\\089\0"),
            ("", "\0"),
        ] {
            unescape(escaped.as_bytes(), &mut path);
            assert_eq!(str::from_utf8(&path).unwrap(), plain, "{escaped}");
        }
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
