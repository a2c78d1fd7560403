//! The directory as a ring: a bound on what it takes on disk, held by deleting the oldest segment
//! before the bound would be passed.

mod lock;

pub use lock::{Lock, LockError};

use crate::segment::number_of;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The segments of one directory that nobody writes any more, oldest first.
pub struct Ring {
    dir: PathBuf,
    segments: VecDeque<Closed>,
    closed_bytes: u64,
    /// The directory itself and what is in it besides segments.
    other_bytes: u64,
}

struct Closed {
    number: u64,
    path: PathBuf,
    size_bytes: u64,
}

impl Ring {
    /// Lists what is in `dir` and removes segments that were being created when their recorder died.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(dir: &Path) -> io::Result<Ring> {
        let mut ring = Ring {
            dir: dir.to_owned(),
            segments: VecDeque::new(),
            closed_bytes: 0,
            other_bytes: disk_bytes(dir)?,
        };
        let mut segments = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".redb.tmp") {
                fs::remove_file(entry.path())?;
            } else if let Some(number) = number_of(&name) {
                let size_bytes = disk_bytes(&entry.path())?;
                segments.push(Closed { number, path: entry.path(), size_bytes });
            } else if entry.file_type()?.is_file() {
                ring.other_bytes += disk_bytes(&entry.path())?;
            }
        }
        segments.sort_by_key(|segment| segment.number);
        ring.closed_bytes = segments.iter().map(|segment| segment.size_bytes).sum();
        ring.segments = segments.into();
        Ok(ring)
    }

    /// The number for the next segment.
    pub fn next_number(&self) -> u64 {
        self.segments.back().map_or(1, |last| last.number + 1)
    }

    /// The newest closed segment.
    pub fn newest(&self) -> Option<&Path> {
        self.segments.back().map(|segment| segment.path.as_path())
    }

    /// What the ring takes on disk, without a segment that is being written.
    pub fn size_bytes(&self) -> u64 {
        self.closed_bytes + self.other_bytes
    }

    /// Takes over a segment that was being written until now.
    pub fn add(&mut self, path: &Path) {
        let number = path.file_name().and_then(|name| number_of(&name.to_string_lossy()));
        // A file that is gone takes nothing.
        if let (Some(number), Ok(size_bytes)) = (number, disk_bytes(path)) {
            self.segments.push_back(Closed { number, path: path.to_owned(), size_bytes });
            self.closed_bytes += size_bytes;
        }
    }

    /// Deletes the oldest segments until `needed_bytes` more fit under `bound_bytes`. Returns how
    /// many, and whether it fits now.
    ///
    /// # Errors
    /// When a segment cannot be deleted.
    pub fn make_room(&mut self, needed_bytes: u64, bound_bytes: u64) -> io::Result<(u32, bool)> {
        let mut deleted = 0;
        while self.size_bytes() + needed_bytes > bound_bytes {
            let Some(oldest) = self.segments.front() else { return Ok((deleted, false)) };
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.closed_bytes -= oldest.size_bytes;
            self.segments.pop_front();
            deleted += 1;
        }
        Ok((deleted, true))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What a file or directory takes on disk, as `du` counts it.
pub fn disk_bytes(path: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(path)?.blocks() * 512)
}
