//! The ring of fine rows. They are made durable among all others, in one commit; when a segment is
//! closed its fine rows are moved into segments of their own, which another ring keeps, and it is
//! replaced by one without them.
//!
//! It is done a few MiB with each commit, so that none takes long. Until it is done the segment is
//! whole where it was, and so it stays where that fails.

mod part;
mod segment;

use crate::ring::{Budget, Ring};
use segment::Split;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of blocks that are moved with a commit, for each segment that waits.
const STEP_BYTES: usize = 4 << 20;

/// Segments that wait at most; those beyond stay as they are.
const MOST_WAITING: usize = 64;

/// The ring of fine rows, and the segments whose rows are on their way into it.
pub struct FineRing {
    ring: Ring,
    /// Room for what takes the place of the segment that is being split.
    rest: Ring,
    waiting: VecDeque<PathBuf>,
    split: Option<Box<Split>>,
}

impl FineRing {
    /// The ring in `dir`, with a share of the bound of the recording in `recording`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(
        dir: &Path,
        recording: &Path,
        (budget, share_bytes): (&Budget, u64),
    ) -> io::Result<FineRing> {
        let ring = Ring::open(dir, (budget, share_bytes), &[], &[])?;
        let rest = Ring::beside(recording, budget);
        Ok(FineRing { ring, rest, waiting: VecDeque::new(), split: None })
    }

    /// The ring itself.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Has the fine rows of a closed segment of `rows` moved, if it has any.
    pub fn take(&mut self, segment: PathBuf) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(segment);
        }
    }

    /// Moves some of what waits. `rows` is the ring from which it comes. Where that fails, nothing is
    /// lost: the rows stay where they are.
    pub fn step(&mut self, rows: &Ring) {
        // A directory that cannot be listed now is no reason not to write.
        let _ = self.ring.look_again(None);
        let mut left_bytes = STEP_BYTES * (1 + self.waiting.len());
        while left_bytes > 0 {
            let Some(mut split) = self.split.take() else {
                let Some(path) = self.waiting.pop_front() else { return };
                match Split::begin(path, &self.ring, &self.rest) {
                    Ok(split) => self.split = split.map(Box::new),
                    Err(_) => {
                        self.ring.end_active(None);
                        self.rest.end_active(None);
                    }
                }
                continue;
            };
            match split.step(&mut left_bytes) {
                Ok(true) => drop(split.finish(rows.limits(), &self.ring, &self.rest)),
                Ok(false) => self.split = Some(split),
                Err(_) => split.abandon(&self.ring, &self.rest),
            }
        }
    }

    /// Leaves everything as it is: fine rows are not kept apart any more.
    pub fn stop(&mut self) {
        self.waiting.clear();
        if let Some(split) = self.split.take() {
            split.abandon(&self.ring, &self.rest);
        }
    }

    /// Segments deleted to make room for what is moved.
    pub fn deleted(&self) -> u64 {
        self.ring.deleted() + self.rest.deleted()
    }
}

impl Drop for FineRing {
    fn drop(&mut self) {
        // What was begun is done anew by the next run.
        self.stop();
    }
}
