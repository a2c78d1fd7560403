//! Asking one file system how full it is, which is done where only that waits.

use crate::waiting::{Call, Crew};
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// Who asks. So many mounts may hang at a time; beyond that none is asked.
pub static CREW: Crew = Crew::new(c"nodemon-statfs", 16);

/// What a file system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Its size.
    pub total_bytes: u64,
    /// What is unused of it.
    pub free_bytes: u64,
    /// The same without what is reserved for root.
    pub available_bytes: u64,
    /// Inodes; 0 where there is no limit.
    pub inodes: u64,
    /// Unused inodes.
    pub inodes_free: u64,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
}

/// The question to one mount.
#[derive(Debug)]
pub struct Statfs {
    /// Whose it is.
    pub ticket: u64,
    /// Where it is mounted, ended by NUL.
    pub path: Vec<u8>,
    /// What it said last; `None` when it could not be asked, such as a place that is gone.
    pub figures: Option<Figures>,
    /// Whether it was made since it was handed over.
    pub is_made: bool,
    /// How long that took.
    pub took: Duration,
}

impl Call for Statfs {
    fn make(&mut self) {
        let start = Instant::now();
        self.figures = ask(&self.path);
        self.took = start.elapsed();
        self.is_made = true;
    }
}

fn ask(path: &[u8]) -> Option<Figures> {
    let figures = statvfs(CStr::from_bytes_with_nul(path).ok()?).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(figures.f_frsize);
    Some(Figures {
        total_bytes: bytes(figures.f_blocks),
        free_bytes: bytes(figures.f_bfree),
        available_bytes: bytes(figures.f_bavail),
        inodes: figures.f_files,
        inodes_free: figures.f_ffree,
        is_read_only: figures.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}
