//! Which segments of the rings pins want.
//!
//! All that have rows as they were sent, or events, in the span of a pin; and of tiers those with a
//! part of it from which nothing finer is left. What is finer answers for the rest, and a pin that
//! kept all would be full of days that nobody asked for: a segment of a tier covers many.

use super::facts::Facts;
use super::known::Known;
use super::places::ring_of;
use crate::pin::Pin;
use crate::ring::Closed;
use std::path::{Path, PathBuf};

/// What pins want.
#[derive(Default)]
pub struct Wanted {
    /// Segments, each with the name of its ring's directory.
    pub segments: Vec<(String, Closed)>,
    /// Whether some are not ready to be pinned.
    pub is_waiting: bool,
}

/// A closed segment of a ring, and what is known of it.
struct InRing<'a> {
    ring: &'a str,
    segment: &'a Closed,
    facts: &'a Facts,
    /// Whether others are still to be made of it.
    is_pending: bool,
}

/// Chooses from the `closed` segments of all rings what `pins` want, who have the files `pinned`. What
/// tiers have is chosen when all is known.
pub fn choose(
    recording: &Path,
    closed: &[Closed],
    pinned: &[(String, Closed)],
    known: &Known,
    pins: &[(PathBuf, Pin)],
    is_pending: &dyn Fn(&Path) -> bool,
    is_all_known: bool,
) -> Wanted {
    let in_rings = closed.iter().filter_map(|segment| {
        let (facts, ring) = (known.of(segment)?, ring_of(recording, &segment.path)?);
        // Fine rows have the number of the segment that they come from, and come with it.
        let source = recording.join(segment.path.file_name()?);
        let is_pending = facts.description.tier_ns == 0 && is_pending(&source);
        Some(InRing { ring, segment, facts, is_pending })
    });
    let in_rings: Vec<InRing<'_>> = in_rings.collect();
    let left = Left {
        in_rings: in_rings.iter().map(|one| one.facts).collect(),
        pinned: pinned.iter().filter_map(|(_, segment)| known.of(segment)).collect(),
    };
    let mut wanted = Wanted::default();
    for one in &in_rings {
        if !pins.iter().any(|(_, pin)| left.is_wanted(pin, one.facts)) {
            continue;
        }
        let is_of_tier = one.facts.description.tier_ns > 0;
        if one.is_pending || is_of_tier && !is_all_known {
            wanted.is_waiting = true;
        } else {
            wanted.segments.push((one.ring.to_owned(), one.segment.clone()));
        }
    }
    wanted
}

/// What is left of what was recorded.
struct Left<'a> {
    in_rings: Vec<&'a Facts>,
    pinned: Vec<&'a Facts>,
}

impl Left<'_> {
    fn is_wanted(&self, pin: &Pin, facts: &Facts) -> bool {
        if !pin.touches(&facts.extent()) {
            return false;
        }
        let step_ns = facts.description.tier_ns;
        step_ns == 0
            || self.lacks(pin, facts, &|other| other.description.tier_ns == 0)
            || self.lacks(pin, facts, &|other| {
                other.has_fine || (1..step_ns).contains(&other.description.tier_ns)
            })
    }

    /// Whether what is finer than this segment of a tier lacks some of the span that it has.
    fn lacks(&self, pin: &Pin, coarse: &Facts, is_finer: &dyn Fn(&Facts) -> bool) -> bool {
        let finer = self.in_rings.iter().chain(&self.pinned).filter(|facts| is_finer(facts));
        let touching = finer.filter(|facts| pin.touches(&facts.extent()));
        match touching.min_by_key(|facts| facts.begins_at()) {
            Some(first) => {
                pin.starts_before(&first.extent()) && coarse.begins_at() < first.begins_at()
            }
            // It is still being written, or gone.
            None => {
                let mut in_rings = self.in_rings.iter().filter(|facts| is_finer(facts));
                in_rings.any(|facts| pin.starts_before(&facts.extent()))
            }
        }
    }
}
