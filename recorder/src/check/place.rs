//! The directory of the recording and the disk below it.

use super::{Finding, Verdict};
use crate::config::{Config, rough_size};
use nodemon_formats::ring::{Lock, Ring};
use rustix::fs::{Access, StatVfs, StatVfsMountFlags, access, statvfs};
use std::path::Path;

/// Whether the recording can be written.
pub fn findings(config: &Config) -> Vec<Finding> {
    vec![directory(&config.directory), room(config)]
}

fn directory(path: &Path) -> Finding {
    let refused = |why: String| Finding {
        subject: "directory".to_owned(),
        verdict: Verdict::No,
        what: path.display().to_string(),
        notes: vec![why, "--dir or `directory` in the configuration names another".to_owned()],
    };
    let existing = nearest_existing(path);
    if !existing.is_dir() {
        return refused(format!("{} is not a directory", existing.display()));
    }
    if statvfs(existing).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return refused("its file system is mounted read-only".to_owned());
    }
    if let Err(error) = access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        return refused(format!("{} cannot be written to: {error}", existing.display()));
    }
    if is_virtual(existing) {
        return refused(format!("{} holds no files of its own", existing.display()));
    }
    let notes = match Lock::holder(path) {
        Some(pid) => vec![format!(
            "the recorder with pid {pid} writes to it; a second one needs another directory"
        )],
        None => Vec::new(),
    };
    let state = if existing == path { "" } else { " (will be created)" };
    Finding {
        subject: "directory".to_owned(),
        verdict: Verdict::Yes,
        what: format!("{}{state}", path.display()),
        notes,
    }
}

/// Whether `path` is on procfs or sysfs, where root may write everywhere and create nothing.
fn is_virtual(path: &Path) -> bool {
    const PROC_SUPER_MAGIC: u64 = 0x9fa0;
    const SYSFS_MAGIC: u64 = 0x6265_6572;
    let kind = rustix::fs::statfs(path).map(|fs| fs.f_type as u64);
    matches!(kind, Ok(PROC_SUPER_MAGIC | SYSFS_MAGIC))
}

fn room(config: &Config) -> Finding {
    let finding =
        |verdict, what, notes| Finding { subject: "disk".to_owned(), verdict, what, notes };
    let existing = nearest_existing(&config.directory);
    let free = |fs: StatVfs| fs.f_bavail.saturating_mul(fs.f_frsize);
    let free_bytes = match statvfs(existing) {
        Ok(fs) => free(fs),
        Err(error) => {
            let what = format!("how much is free cannot be told: {error}");
            return finding(Verdict::Partly, what, vec!["the ring may not fit".to_owned()]);
        }
    };
    let used_bytes = Ring::open(&config.directory).map_or(0, |ring| ring.size_bytes());
    let ring_bytes = config.ring_size_bytes;
    let what =
        format!("{} free, the ring takes {}", rough_size(free_bytes), rough_size(ring_bytes));
    if free_bytes.saturating_add(used_bytes) >= ring_bytes {
        return finding(Verdict::Yes, what, Vec::new());
    }
    let note = "the disk will be full before the ring is: writing pauses then, and what comes in \
                between is lost; make room, or choose a smaller --ring-size";
    finding(Verdict::Partly, what, vec![note.to_owned()])
}

/// `path`, or the nearest directory above it that is there.
fn nearest_existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}
