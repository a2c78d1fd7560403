//! The directory as a ring: a bound on what it takes on disk, held by deleting the oldest segment
//! before the bound would be passed. The rings of a recording hold one bound together.

mod bounded;
mod budget;
mod listing;
mod lock;
mod pinned;

pub use bounded::BoundedFile;
pub use budget::Budget;
pub(crate) use listing::list as list_segments;
pub use listing::{Closed, ContentId, FileId, disk_bytes};
pub use lock::{Lock, LockError};
pub use pinned::{Holder, Pinned, PinnedFile};

use crate::segment::{CACHE_BYTES, RingLimits, number_of};
use budget::{Member, State};
use listing::{changed_at, disk_bytes_of, list, remove_parts};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

/// What file systems take a file's bytes in.
const PAGE_BYTES: u64 = 4096;

/// The segments of one directory that nobody writes any more, oldest first. Clones are the same ring:
/// the segment that is being written makes room in it while it grows.
#[derive(Clone, Debug)]
pub struct Ring {
    dir: PathBuf,
    /// What is below these belongs to other rings.
    apart: Vec<PathBuf>,
    /// Directories of rings that are written no more.
    former: Vec<PathBuf>,
    budget: Budget,
    /// Its number among the rings of the budget.
    number: usize,
    /// Whether what is written is no segment of its own yet, but what takes the place of one.
    is_beside: bool,
}

/// What lies in the directory is looked at again after this many commits, where nothing was seen to
/// come or go before.
const COMMITS_BETWEEN_LOOKS: u32 = 10;

/// Rings of this size and more have segments to spare.
const LARGE_BYTES: u64 = 64 << 20;

impl Ring {
    /// Lists what is in `dir` and removes segments that were being created when their recorder
    /// died. What is below `apart` belongs to other rings; segments below `former` are the first to
    /// be deleted; whatever else lies there counts and is left alone. Of what all rings of `budget`
    /// may take, `share_bytes` are for this one. A directory that is not there yet is an empty ring.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(
        dir: &Path,
        (budget, share_bytes): (&Budget, u64),
        apart: &[PathBuf],
        former: &[PathBuf],
    ) -> io::Result<Ring> {
        let (dir, apart, former) = (dir.to_owned(), apart.to_vec(), former.to_vec());
        let (number, budget) = (budget.join(share_bytes), budget.clone());
        let ring = Ring { dir, apart, former, budget, number, is_beside: false };
        for dir in ring.former.iter().chain([&ring.dir]) {
            remove_parts(dir)?;
        }
        ring.check_active(None)?;
        Ok(ring)
    }

    /// The same ring for one file more, beside the active segment: it takes of the same share.
    pub fn beside(&self) -> Ring {
        Ring { is_beside: true, ..self.clone() }
    }

    /// Looks again at what is in the directory, where something came or went or it is time to:
    /// others may put files there, let theirs grow, and delete segments. `active` is the segment
    /// that is being written, which does not count here.
    ///
    /// # Errors
    /// What the file system says; all stays as it was known then.
    pub fn look_again(&self, active: Option<&Path>) -> io::Result<()> {
        let changed_at = changed_at(&self.dir)?.unwrap_or_default();
        {
            let mut state = self.budget.state();
            let ring = self.member(&mut state);
            ring.commits_since_look += 1;
            if ring.changed_at == changed_at && ring.commits_since_look < COMMITS_BETWEEN_LOOKS {
                return Ok(());
            }
        }
        self.check_active(active)
    }

    /// Looks again though nothing was seen to change; nothing is being written there.
    ///
    /// # Errors
    /// As [`Ring::look_again`].
    pub fn look_anew(&self) -> io::Result<()> {
        self.check_active(None)
    }

    fn check_active(&self, active: Option<&Path>) -> io::Result<()> {
        let changed_at = changed_at(&self.dir)?;
        let mut former_segments = VecDeque::new();
        let mut other_bytes = 0;
        for dir in self.former.iter().filter(|dir| dir.exists()) {
            let (segments, bytes) = list(dir, &[])?;
            former_segments.extend(segments);
            other_bytes += bytes;
        }
        let (mut segments, bytes) = match changed_at {
            Some(_) => list(&self.dir, &[&self.apart[..], &self.former].concat())?,
            None => (Vec::new(), 0),
        };
        segments.retain(|segment| Some(segment.path.as_path()) != active);
        let mut state = self.budget.state();
        let ring = self.member(&mut state);
        ring.former = former_segments;
        ring.segments = segments.into();
        ring.other_bytes = other_bytes + bytes;
        let all = ring.former.iter().chain(&ring.segments);
        ring.closed_bytes = all.map(|segment| segment.size_bytes).sum();
        (ring.changed_at, ring.commits_since_look) = (changed_at.unwrap_or_default(), 0);
        state.changed();
        Ok(())
    }

    /// The number for the next segment.
    pub fn next_number(&self) -> u64 {
        let mut state = self.budget.state();
        self.member(&mut state).segments.back().map_or(1, |last| last.number + 1)
    }

    /// The closed segments, the newest first.
    pub fn newest_first(&self) -> Vec<PathBuf> {
        let mut state = self.budget.state();
        let segments = &self.member(&mut state).segments;
        segments.iter().rev().map(|segment| segment.path.clone()).collect()
    }

    /// The segments that a directory has which is kept no more, the newest first.
    pub fn former_newest_first(&self, dir: &Path) -> Vec<PathBuf> {
        let mut state = self.budget.state();
        let former = self.member(&mut state).former.iter().rev();
        let of_dir = former.filter(|segment| segment.path.parent() == Some(dir));
        of_dir.map(|segment| segment.path.clone()).collect()
    }

    /// What is for this ring, whatever the others need.
    pub fn share_bytes(&self) -> u64 {
        self.member(&mut self.budget.state()).share_bytes
    }

    /// Changes that. Deletes nothing.
    pub fn set_share_bytes(&self, share_bytes: u64) {
        self.member(&mut self.budget.state()).share_bytes = share_bytes;
    }

    /// What it may take.
    pub fn limits(&self) -> RingLimits {
        RingLimits { share_bytes: self.share_bytes(), bound_bytes: self.budget.bound_bytes() }
    }

    /// What redb may cache of a segment that is written. What of a commit is more than half of it is
    /// written before the commit, and takes its room then: a small ring has none to spare, and of a
    /// large one a segment goes.
    pub fn cache_bytes(&self) -> usize {
        if self.budget.bound_bytes() < LARGE_BYTES { CACHE_BYTES } else { CACHE_BYTES / 2 }
    }

    /// How many segments were deleted since the start to make room for this ring.
    pub fn deleted(&self) -> u64 {
        self.member(&mut self.budget.state()).deleted
    }

    /// Nobody writes the active segment any more. Where it stays, `path` is it.
    pub fn end_active(&self, path: Option<&Path>) {
        let mut state = self.budget.state();
        let ring = self.member(&mut state);
        *ring.written_bytes(self.is_beside) = 0;
        let Some(path) = path else { return };
        let number = path.file_name().and_then(|name| number_of(&name.to_string_lossy()));
        // A file that is gone takes nothing.
        if let Some(number) = number
            && let Ok(Some(closed)) = Closed::at(path.to_owned(), number)
        {
            ring.closed_bytes += closed.size_bytes;
            ring.segments.push_back(closed);
            state.changed();
        }
    }

    /// Deletes the oldest segments, of this ring or another that is beyond its share, until the
    /// active segment may take `active_bytes`. Returns how many, and whether it may now.
    ///
    /// # Errors
    /// When a segment cannot be deleted.
    pub fn make_room(&self, active_bytes: u64) -> io::Result<(u32, bool)> {
        self.budget.make_room((self.number, self.is_beside), active_bytes)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn member<'a>(&self, state: &'a mut MutexGuard<'_, State>) -> &'a mut Member {
        &mut state.rings[self.number]
    }
}
