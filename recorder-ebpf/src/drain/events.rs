//! Events out of a ring, in the order in which they happened.

use super::ring::Ring;
use crate::error::FeatureError;
use aya::maps::MapData;
use std::os::fd::AsFd;

/// A ring of events, each of which begins with its time.
pub struct Events {
    ring: Ring,
    size_bytes: usize,
    /// Those at hand, one behind the other.
    bytes: Vec<u8>,
    /// The time of each, where it is, and how long: those of some kinds are sent in part.
    order: Vec<(u64, usize, usize)>,
    last_ns: u64,
}

/// Bytes that are taken out at once, about.
const AT_ONCE_BYTES: usize = 1 << 20;
/// Bytes of room that are kept for the next, and what an event has about.
const KEPT_BYTES: usize = 64 << 10;
const EVENT_BYTES: usize = 64;

impl Events {
    /// Reads `map`, called `name`, whose events are of `size_bytes`.
    pub fn new(name: &str, map: MapData, size_bytes: usize) -> Result<Events, FeatureError> {
        let ring_bytes = map.info()?.max_entries() as usize;
        let mapped = Ring::map(map.fd().as_fd(), ring_bytes);
        let ring = mapped.map_err(|source| FeatureError::Read { path: name.into(), source })?;
        Ok(Events { ring, size_bytes, bytes: Vec::new(), order: Vec::new(), last_ns: 0 })
    }

    /// Hands out the time and the structure of every event, oldest first. CPUs take the time
    /// before they take their place in the ring, so neighbours may have to be swapped; one that
    /// comes behind events which were handed out already gets the time of the last of them.
    ///
    /// Says whether there is more than was taken out at once.
    pub fn each(&mut self, mut event: impl FnMut(u64, &[u8])) -> bool {
        let mut has_more = false;
        while let Some(length) = self.ring.take(&mut self.bytes) {
            let at = self.bytes.len() - length;
            let row_bytes = length.min(self.size_bytes);
            self.bytes.truncate(at + row_bytes);
            let Some(time) = self.bytes[at..].first_chunk() else { continue };
            self.order.push((u64::from_le_bytes(*time), at, row_bytes));
            if self.bytes.len() >= AT_ONCE_BYTES {
                has_more = true;
                break;
            }
        }
        self.order.sort_unstable();
        for (time_ns, at, length) in &self.order {
            self.last_ns = self.last_ns.max(*time_ns);
            event(self.last_ns, &self.bytes[*at..*at + *length]);
        }
        // What a burst took is given back.
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.order.clear();
        self.order.shrink_to(KEPT_BYTES / EVENT_BYTES);
        has_more
    }
}
