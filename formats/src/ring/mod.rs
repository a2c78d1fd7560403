//! The directory as a ring: a bound on what it takes on disk, held by deleting the oldest segment
//! before the bound would be passed.

mod bounded;
mod lock;

pub use bounded::BoundedFile;
pub use lock::{Lock, LockError};

use crate::segment::number_of;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What file systems take a file's bytes in.
const PAGE_BYTES: u64 = 4096;

/// The segments of one directory that nobody writes any more, oldest first. Clones are the same ring:
/// the segment that is being written makes room in it while it grows.
#[derive(Clone, Debug)]
pub struct Ring {
    dir: PathBuf,
    /// What is below these has bounds of its own.
    apart: Vec<PathBuf>,
    /// Directories of tiers that are kept no more.
    former: Vec<PathBuf>,
    state: Arc<Mutex<State>>,
}

/// What lies in the directory is looked at again after this many commits, where nothing was seen to
/// come or go before.
const COMMITS_BETWEEN_LOOKS: u32 = 10;

#[derive(Debug, Default)]
struct State {
    /// Segments of tiers that are kept no more: the first to go.
    former: VecDeque<Closed>,
    segments: VecDeque<Closed>,
    closed_bytes: u64,
    /// The directory itself and what is in it besides segments.
    other_bytes: u64,
    /// The most that all of it may take.
    bound_bytes: u64,
    /// How many segments were deleted since the start.
    deleted: u64,
    /// When the directory was changed last, as it was when it was listed.
    changed_at: (i64, i64),
    commits_since_look: u32,
}

#[derive(Debug)]
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
        let state = Arc::new(Mutex::new(State::default()));
        let (dir, apart, former) = (dir.to_owned(), apart.to_vec(), former.to_vec());
        let ring = Ring { dir, apart, former, state };
        ring.look(None)?;
        Ok(ring)
    }

    /// Looks again at what is in the directory, where something came or went or it is time to:
    /// others may put files there, let theirs grow, and delete segments. `active` is the segment
    /// that is being written, which does not count here.
    ///
    /// # Errors
    /// What the file system says; all stays as it was known then.
    pub fn look_again(&self, active: Option<&Path>) -> io::Result<()> {
        let changed_at = changed_at(&self.dir)?;
        {
            let state = &mut *self.state();
            state.commits_since_look += 1;
            if state.changed_at == changed_at && state.commits_since_look < COMMITS_BETWEEN_LOOKS {
                return Ok(());
            }
        }
        self.look(active)
    }

    fn look(&self, active: Option<&Path>) -> io::Result<()> {
        let changed_at = changed_at(&self.dir)?;
        let mut former_segments = VecDeque::new();
        let mut other_bytes = 0;
        for dir in self.former.iter().filter(|dir| dir.exists()) {
            let (segments, bytes) = list(dir, &[])?;
            former_segments.extend(segments);
            other_bytes += bytes;
        }
        let (mut segments, bytes) = list(&self.dir, &[&self.apart[..], &self.former].concat())?;
        segments.retain(|segment| Some(segment.path.as_path()) != active);
        let state = &mut *self.state();
        state.former = former_segments;
        state.segments = segments.into();
        state.other_bytes = other_bytes + bytes;
        let all = state.former.iter().chain(&state.segments);
        state.closed_bytes = all.map(|segment| segment.size_bytes).sum();
        (state.changed_at, state.commits_since_look) = (changed_at, 0);
        Ok(())
    }

    /// The number for the next segment.
    pub fn next_number(&self) -> u64 {
        self.state().segments.back().map_or(1, |last| last.number + 1)
    }

    /// The closed segments, the newest first.
    pub fn newest_first(&self) -> Vec<PathBuf> {
        self.state().segments.iter().rev().map(|segment| segment.path.clone()).collect()
    }

    /// What the ring takes on disk, without a segment that is being written.
    pub fn size_bytes(&self) -> u64 {
        self.state().size_bytes()
    }

    /// The most that the directory may take on disk.
    pub fn bound_bytes(&self) -> u64 {
        self.state().bound_bytes
    }

    /// Changes the most that the directory may take. Deletes nothing.
    pub fn set_bound_bytes(&self, bound_bytes: u64) {
        self.state().bound_bytes = bound_bytes;
    }

    /// How many segments were deleted since the start.
    pub fn deleted(&self) -> u64 {
        self.state().deleted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a segment that was being written until now.
    pub fn add(&self, path: &Path) {
        let number = path.file_name().and_then(|name| number_of(&name.to_string_lossy()));
        // A file that is gone takes nothing.
        if let (Some(number), Ok(size_bytes)) = (number, disk_bytes(path)) {
            let mut state = self.state();
            state.segments.push_back(Closed { number, path: path.to_owned(), size_bytes });
            state.closed_bytes += size_bytes;
        }
    }

    /// Deletes the oldest segments until `needed_bytes` more fit under `bound_bytes`. Returns how
    /// many, and whether it fits now.
    ///
    /// # Errors
    /// When a segment cannot be deleted.
    pub fn make_room(&self, needed_bytes: u64, bound_bytes: u64) -> io::Result<(u32, bool)> {
        let state = &mut *self.state();
        let mut deleted = 0;
        while state.size_bytes() + needed_bytes > bound_bytes {
            let (former, own) = (&mut state.former, &mut state.segments);
            let queue = if former.is_empty() { own } else { former };
            let Some(oldest) = queue.front() else { return Ok((deleted, false)) };
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            state.closed_bytes -= oldest.size_bytes;
            queue.pop_front();
            state.deleted += 1;
            deleted += 1;
        }
        Ok((deleted, true))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl State {
    fn size_bytes(&self) -> u64 {
        self.closed_bytes + self.other_bytes
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

/// When something last came into the directory or went.
fn changed_at(dir: &Path) -> io::Result<(i64, i64)> {
    let found = fs::metadata(dir)?;
    Ok((found.mtime(), found.mtime_nsec()))
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

/// What an open file takes on disk.
fn disk_bytes_of(file: &fs::File) -> io::Result<u64> {
    Ok(file.metadata()?.blocks() * 512)
}

/// What a file or directory takes on disk, as `du` counts it.
pub fn disk_bytes(path: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(path)?.blocks() * 512)
}
