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
    /// Segments of tiers that are kept no more: the first to go.
    former: VecDeque<Closed>,
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
    /// Lists what is in `dir` and removes segments that were being created when their recorder
    /// died. What is below `apart` has bounds of its own; segments below `former` are the first to
    /// be deleted; whatever else lies there counts and is left alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(dir: &Path, apart: &[PathBuf], former: &[PathBuf]) -> io::Result<Ring> {
        let mut ring = Ring {
            dir: dir.to_owned(),
            former: VecDeque::new(),
            segments: VecDeque::new(),
            closed_bytes: 0,
            other_bytes: 0,
        };
        for dir in former {
            let (segments, other_bytes) = list(dir, &[])?;
            ring.former.extend(segments);
            ring.other_bytes += other_bytes;
        }
        let (segments, other_bytes) = list(dir, &[apart, former].concat())?;
        ring.segments = segments.into();
        ring.other_bytes += other_bytes;
        let all = ring.former.iter().chain(&ring.segments);
        ring.closed_bytes = all.map(|segment| segment.size_bytes).sum();
        Ok(ring)
    }

    /// The number for the next segment.
    pub fn next_number(&self) -> u64 {
        self.segments.back().map_or(1, |last| last.number + 1)
    }

    /// The closed segments, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Path> {
        self.segments.iter().rev().map(|segment| segment.path.as_path())
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
            let (former, own) = (&mut self.former, &mut self.segments);
            let queue = if former.is_empty() { own } else { former };
            let Some(oldest) = queue.front() else { return Ok((deleted, false)) };
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.closed_bytes -= oldest.size_bytes;
            queue.pop_front();
            deleted += 1;
        }
        Ok((deleted, true))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The segments in `dir`, oldest first, and what everything else there takes on disk, without what
/// is `apart`. Unfinished segments are removed.
fn list(dir: &Path, apart: &[PathBuf]) -> io::Result<(Vec<Closed>, u64)> {
    let mut segments = Vec::new();
    let mut other_bytes = disk_bytes(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_dir = entry.file_type()?.is_dir();
        if is_dir {
            if !apart.contains(&path) {
                other_bytes += tree_bytes(&path)?;
            }
        } else if name.ends_with(".redb.tmp") {
            fs::remove_file(path)?;
        } else if let Some(number) = number_of(&name) {
            let size_bytes = disk_bytes(&path)?;
            segments.push(Closed { number, path, size_bytes });
        } else {
            other_bytes += disk_bytes(&path)?;
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok((segments, other_bytes))
}

/// What a directory and all below it take on disk. Links are not followed.
fn tree_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = disk_bytes(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        bytes += if is_dir { tree_bytes(&entry.path())? } else { disk_bytes(&entry.path())? };
    }
    Ok(bytes)
}

/// What a file or directory takes on disk, as `du` counts it.
pub fn disk_bytes(path: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(path)?.blocks() * 512)
}
