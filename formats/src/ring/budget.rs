//! What the rings of a recording may take together.
//!
//! Each ring has a share. One that needs less lends the rest to the others, and takes it back when
//! it comes to need it: room is made by deleting the oldest segment of the ring that is furthest
//! beyond its share, and never of one that is within it.

use super::listing::Closed;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the rings of a recording may take together. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    state: Arc<Mutex<State>>,
}

/// The rings, by number, and their bound.
#[derive(Debug, Default)]
pub(super) struct State {
    bound_bytes: u64,
    pub(super) rings: Vec<Member>,
}

/// One ring.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// What it may keep whatever the others need.
    pub share_bytes: u64,
    /// Segments of tiers that are kept no more: the first to go.
    pub former: VecDeque<Closed>,
    /// Its segments that nobody writes any more, oldest first.
    pub segments: VecDeque<Closed>,
    /// What these take.
    pub closed_bytes: u64,
    /// What the segment takes at most that is being written.
    pub active_bytes: u64,
    /// What the file takes at most that takes the place of a segment, while it is written.
    pub beside_bytes: u64,
    /// The directory itself and what is in it besides segments.
    pub other_bytes: u64,
    /// How many segments were deleted to make room for this one.
    pub deleted: u64,
    /// When the directory was changed last, as it was when it was listed.
    pub changed_at: (i64, i64),
    /// Commits since it was listed.
    pub commits_since_look: u32,
}

impl Budget {
    /// Rings of `bound_bytes` together.
    pub fn new(bound_bytes: u64) -> Budget {
        let budget = Budget::default();
        budget.set_bound_bytes(bound_bytes);
        budget
    }

    /// The most that all rings may take on disk.
    pub fn bound_bytes(&self) -> u64 {
        self.state().bound_bytes
    }

    /// Changes that. Deletes nothing.
    pub fn set_bound_bytes(&self, bound_bytes: u64) {
        self.state().bound_bytes = bound_bytes;
    }

    /// Adds a ring; returns its number.
    pub(super) fn join(&self, share_bytes: u64) -> usize {
        let rings = &mut self.state().rings;
        rings.push(Member { share_bytes, ..Member::default() });
        rings.len() - 1
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes segments until all fits when the active segment of ring `number`, or the file beside
    /// it, takes `bytes`. Returns how many, and whether it fits now.
    ///
    /// # Errors
    /// When a segment cannot be deleted.
    pub(super) fn make_room(
        &self,
        (number, is_beside): (usize, bool),
        bytes: u64,
    ) -> io::Result<(u32, bool)> {
        let state = &mut *self.state();
        *state.rings[number].written_bytes(is_beside) = bytes;
        let mut deleted = 0;
        while state.rings.iter().map(Member::size_bytes).sum::<u64>() > state.bound_bytes {
            let Some(ring) = state.first_to_give() else { return Ok((deleted, false)) };
            let queue = if ring.former.is_empty() { &mut ring.segments } else { &mut ring.former };
            let Some(oldest) = queue.front() else { return Ok((deleted, false)) };
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            ring.closed_bytes -= oldest.size_bytes;
            queue.pop_front();
            state.rings[number].deleted += 1;
            deleted += 1;
        }
        Ok((deleted, true))
    }
}

impl State {
    /// The ring whose oldest segment goes first: one with segments of a tier that is kept no more,
    /// else the one that is furthest beyond its share.
    fn first_to_give(&mut self) -> Option<&mut Member> {
        if let Some(at) = self.rings.iter().position(|ring| !ring.former.is_empty()) {
            return self.rings.get_mut(at);
        }
        let can_give =
            |ring: &&mut Member| !ring.segments.is_empty() && ring.size_bytes() > ring.share_bytes;
        // By how many times its share it takes, compared without a division.
        let further = |a: &&mut Member, b: &&mut Member| {
            let times =
                |a: &Member, b: &Member| u128::from(a.size_bytes()) * u128::from(b.share_bytes);
            times(a, b).cmp(&times(b, a))
        };
        self.rings.iter_mut().filter(can_give).max_by(further)
    }
}

impl Member {
    fn size_bytes(&self) -> u64 {
        self.closed_bytes + self.active_bytes + self.beside_bytes + self.other_bytes
    }

    /// What is being written takes this much.
    pub fn written_bytes(&mut self, is_beside: bool) -> &mut u64 {
        if is_beside { &mut self.beside_bytes } else { &mut self.active_bytes }
    }
}
