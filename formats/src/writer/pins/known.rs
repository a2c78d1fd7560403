//! What is known of segments, which takes opening each once.

use super::facts::Facts;
use super::places::Found;
use crate::pin::Pin;
use crate::ring::{Closed, ContentId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A segment that cannot be read so often is one of which nobody knows what it has.
const MOST_FAILURES: u32 = 3;

/// So many segments of rings are read at a time, however long it takes: more than are closed between
/// two commits, so that those do not keep the oldest, which go first, from ever being known.
const LEAST_READS: u32 = 8;

/// What is known of segments.
#[derive(Default)]
pub struct Known {
    /// What each has; `None` of one that cannot be read. Not by its file alone: one that was deleted
    /// since the last look may have had the same.
    facts: BTreeMap<ContentId, Option<Facts>>,
    /// How often the disk failed when they were read.
    failures: BTreeMap<ContentId, u32>,
}

impl Known {
    /// What is known of a segment.
    pub fn of(&self, segment: &Closed) -> Option<&Facts> {
        self.facts.get(&segment.content())?.as_ref()
    }

    /// Learns what segments have of which that has to be known, the newest first; whether it is
    /// known of all. Of a ring those are left out that are older than one that lies before all pins.
    pub fn learn(
        &mut self,
        closed: &[Closed],
        found: &Found,
        pins: &[(PathBuf, Pin)],
        until: Instant,
    ) -> bool {
        if pins.is_empty() {
            return true;
        }
        let ids = closed.iter().chain(found.files.iter().map(|(_, file)| file));
        let ids: BTreeSet<ContentId> = ids.map(Closed::content).collect();
        self.facts.retain(|id, _| ids.contains(id));
        self.failures.retain(|id, _| ids.contains(id));
        let (mut is_all, mut reads) = (true, 0);
        let mut rings: BTreeMap<&Path, Vec<&Closed>> = BTreeMap::new();
        for segment in closed {
            let ring = segment.path.parent().unwrap_or(Path::new(""));
            rings.entry(ring).or_default().push(segment);
        }
        for segments in rings.into_values() {
            for segment in segments.into_iter().rev() {
                let is_new = !self.facts.contains_key(&segment.content());
                if !self.learn_one(segment, reads < LEAST_READS || Instant::now() < until) {
                    is_all = false;
                    break;
                }
                reads += u32::from(is_new);
                let facts = self.of(segment);
                if facts
                    .is_some_and(|facts| pins.iter().all(|(_, pin)| pin.is_behind(&facts.extent())))
                {
                    break;
                }
            }
        }
        // The rings' come first, for they go.
        for (_, file) in &found.files {
            is_all &= self.learn_one(file, Instant::now() < until);
        }
        is_all
    }

    /// Learns what one segment has, where there is time; whether that is known then.
    fn learn_one(&mut self, segment: &Closed, has_time: bool) -> bool {
        if self.facts.contains_key(&segment.content()) {
            return true;
        }
        if !has_time {
            return false;
        }
        match Facts::read(segment) {
            Ok(facts) => _ = self.facts.insert(segment.content(), facts),
            Err(_) => {
                let failures = self.failures.entry(segment.content()).or_default();
                *failures += 1;
                if *failures < MOST_FAILURES {
                    return false;
                }
                self.facts.insert(segment.content(), None);
            }
        }
        true
    }
}
