//! The directory of the recording and the disk below it.

use super::{Finding, Verdict};
use crate::config::Config;
use crate::retention;
use crate::trust;
use nodemon_formats::ring::{Lock, disk_bytes};
use nodemon_formats::units::show_size;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::io::Errno;
use std::path::Path;

/// Whether the recording can be written.
pub fn findings(config: &Config) -> Vec<Finding> {
    let lasts = retention::in_words(config).map(|what| Finding {
        subject: "lasts".to_owned(),
        verdict: Verdict::Yes,
        what,
        notes: Vec::new(),
    });
    [directory(&config.directory, config.trust_directory), room(config)]
        .into_iter()
        .chain(lasts)
        .collect()
}

fn directory(path: &Path, is_trusted: bool) -> Finding {
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
    if let Err(why) = trust::check(path)
        && !is_trusted
    {
        let told = format!("{why}; --trust-directory records into it all the same");
        return refused(told);
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
    let kind = rustix::fs::statfs(path).map(|fs| fs.f_type.cast_unsigned());
    matches!(kind, Ok(PROC_SUPER_MAGIC | SYSFS_MAGIC))
}

fn room(config: &Config) -> Finding {
    let subject = "disk".to_owned();
    let ring_bytes = config.ring_size_bytes;
    match room_bytes(&config.directory) {
        Ok(room_bytes) => {
            let (room, ring) = (show_size(room_bytes), show_size(ring_bytes));
            let why = match config.is_ring_of_file_system {
                true => ", a tenth of the file system; `ring_size` takes more",
                false => "",
            };
            let what = format!("room for {room}, the ring takes {ring}{why}");
            let notes: Vec<String> = lack_of_room(config).into_iter().collect();
            let verdict = if notes.is_empty() { Verdict::Yes } else { Verdict::Partly };
            Finding { subject, verdict, what, notes }
        }
        Err(error) => Finding {
            subject,
            verdict: Verdict::Partly,
            what: format!("how much is free cannot be told: {error}"),
            notes: vec!["the ring may not fit".to_owned()],
        },
    }
}

/// What to say when the ring does not fit the disk.
pub fn lack_of_room(config: &Config) -> Option<String> {
    let room_bytes = room_bytes(&config.directory).ok()?;
    (room_bytes < config.ring_size_bytes).then(|| {
        format!(
            "the disk has room for {} of a ring of {}: when it is full, writing pauses and what \
             comes is lost; make room, or choose a smaller --ring-size",
            show_size(room_bytes),
            show_size(config.ring_size_bytes)
        )
    })
}

/// What the recording may take: what is free and what it has already.
fn room_bytes(dir: &Path) -> Result<u64, Errno> {
    let fs = statvfs(nearest_existing(dir))?;
    Ok(fs.f_bavail.saturating_mul(fs.f_frsize).saturating_add(used_bytes(dir)))
}

/// What the recording takes already.
fn used_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            let below = if path.is_dir() { used_bytes(&path) } else { 0 };
            below + disk_bytes(&path).unwrap_or(0)
        })
        .sum()
}

/// `path`, or the nearest directory above it that is there.
fn nearest_existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}
