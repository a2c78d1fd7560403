//! The ring of fine rows. They are made durable among all others, in one commit; when a segment is
//! closed its fine rows are moved into segments of their own, which another ring keeps, and it is
//! replaced by one without them.
//!
//! It is done a few MiB with each commit, so that none takes long. Until it is done the segment is
//! whole where it was, and so it stays where that fails.

mod error;
mod part;
mod segment;

use crate::ring::Ring;
use segment::Split;
use std::collections::VecDeque;
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
    /// A ring of fine rows, which come from closed segments of `rows`.
    pub fn new(ring: Ring, rows: &Ring) -> FineRing {
        FineRing { ring, rest: rows.beside(), waiting: VecDeque::new(), split: None }
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

    /// Whether fine rows of a segment are still to be moved: it is not what it will be.
    pub fn is_pending(&self, segment: &Path) -> bool {
        self.split.as_ref().is_some_and(|split| split.source() == segment)
            || self.waiting.iter().any(|waiting| waiting == segment)
    }

    /// Moves some of what waits. Where that fails, nothing is lost: the rows stay where they are.
    pub fn step(&mut self) {
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
                Ok(true) => drop(split.finish(&self.ring, &self.rest)),
                Ok(false) => self.split = Some(split),
                Err(_) => split.abandon(&self.ring, &self.rest),
            }
        }
    }

    /// Gives back what the split takes that was begun; it is restarted with the next step.
    pub fn pause(&mut self) {
        if let Some(split) = self.split.take() {
            self.waiting.push_front(split.source().to_owned());
            split.abandon(&self.ring, &self.rest);
        }
    }

    /// Leaves everything as it is: fine rows are not kept apart any more.
    pub fn stop(&mut self) {
        self.pause();
        self.waiting.clear();
    }
}

impl Drop for FineRing {
    fn drop(&mut self) {
        // What was begun is done anew by the next run.
        self.stop();
    }
}
