//! What the rings of a recording may take together.
//!
//! Each ring has a share. One that needs less lends the rest to the others, and takes it back when
//! it comes to need it: room is made by deleting the oldest segment of the ring that is furthest
//! beyond its share, and never of one that is within it. What only pins keep takes of all shares
//! alike.

use super::listing::{Closed, FileId};
use super::pinned::{Holder, Pinned, PinnedFile};
use std::collections::{BTreeSet, VecDeque};
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
    pinned: Pinned,
    /// Counts what came into rings and went.
    changes: u64,
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

    /// Changes what only pins may keep. Deletes nothing.
    pub fn set_pin_bytes(&self, pin_bytes: u64) {
        self.state().pinned.bound_bytes = pin_bytes;
    }

    /// What pins keep, from now on: their files, and what lies beside these in their directory.
    pub fn set_pinned(&self, holders: Vec<Holder>, files: Vec<PinnedFile>, other_bytes: u64) {
        let state = &mut *self.state();
        state.pinned.hold(holders, files, other_bytes);
        state.count_pinned();
    }

    /// The names of pins that were dropped since this was called last.
    pub fn take_dropped(&self) -> Vec<String> {
        std::mem::take(&mut self.state().pinned.dropped)
    }

    /// How often segments came into rings and went.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// The segments of all rings that nobody writes any more, the oldest of each first.
    pub fn closed(&self) -> Vec<Closed> {
        self.state().closed().cloned().collect()
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
        while state.size_bytes() > state.bound_bytes {
            if state.pinned.is_beyond_bound() && state.pinned.drop_first()? {
                continue;
            }
            if state.delete_oldest()? {
                state.rings[number].deleted += 1;
                deleted += 1;
            } else if !state.pinned.drop_first()? {
                return Ok((deleted, false));
            }
        }
        Ok((deleted, true))
    }
}

impl State {
    fn size_bytes(&self) -> u64 {
        self.rings.iter().map(Member::size_bytes).sum::<u64>() + self.pinned.size_bytes()
    }

    fn closed(&self) -> impl Iterator<Item = &Closed> {
        self.rings.iter().flat_map(|ring| ring.former.iter().chain(&ring.segments))
    }

    /// Segments came into a ring, or may have gone.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
        self.count_pinned();
    }

    /// Counts anew what only pins keep: what a ring has counts there.
    fn count_pinned(&mut self) {
        if self.pinned.is_empty() {
            return;
        }
        let ids: BTreeSet<FileId> = self.closed().map(|segment| segment.id).collect();
        self.pinned.count(|id| ids.contains(&id));
    }

    /// Deletes the segment that goes first; false where none may. What a pin keeps is only the pin's
    /// from then on.
    fn delete_oldest(&mut self) -> io::Result<bool> {
        let Some(ring) = self.first_to_give() else { return Ok(false) };
        let queue = if ring.former.is_empty() { &mut ring.segments } else { &mut ring.former };
        let Some(oldest) = queue.front() else { return Ok(false) };
        match fs::remove_file(&oldest.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let id = oldest.id;
        ring.closed_bytes -= oldest.size_bytes;
        queue.pop_front();
        self.pinned.left(id);
        self.changes += 1;
        Ok(true)
    }

    /// The ring whose oldest segment goes first: one with segments of a tier that is kept no more,
    /// else the one that is furthest beyond its share.
    fn first_to_give(&mut self) -> Option<&mut Member> {
        if let Some(at) = self.rings.iter().position(|ring| !ring.former.is_empty()) {
            return self.rings.get_mut(at);
        }
        let bound = u128::from(self.bound_bytes);
        let left = u128::from(self.bound_bytes.saturating_sub(self.pinned.size_bytes()));
        let is_beyond = |ring: &Member| {
            u128::from(ring.size_bytes()) * bound > u128::from(ring.share_bytes) * left
        };
        let can_give = |ring: &&mut Member| !ring.segments.is_empty() && is_beyond(ring);
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
