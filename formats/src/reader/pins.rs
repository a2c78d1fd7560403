//! The pins of a recording, and what each keeps.

use super::open::OpenSegment;
use super::{PinSummary, ReadError, Recording};
use crate::pin::{self, Extent, Pin};
use crate::ring::disk_bytes;

impl Recording {
    /// Its pins, those that were pinned first first, and what is told of those that were dropped.
    /// What is called like a pin and is none is left out.
    ///
    /// # Errors
    /// When their files cannot be read.
    pub fn pins(&self) -> Result<Vec<PinSummary>, ReadError> {
        let listed = pin::list(self.dir());
        let path = self.dir().join(pin::DIRECTORY);
        let listed = listed.map_err(|source| ReadError::Io { path, source })?;
        let summaries = listed.into_iter().filter_map(|listed| {
            let pin = listed.pin?;
            Some(self.summary_of_pin(pin, listed.is_dropped))
        });
        Ok(summaries.collect())
    }

    fn summary_of_pin(&self, pin: Pin, is_dropped: bool) -> PinSummary {
        let (from, to) = self.wall_span_of(&pin);
        let is_kept = |segment: &&std::sync::Arc<OpenSegment>| {
            segment.is_pinned && !is_dropped && pin.touches(&extent(segment))
        };
        let (mut segments, mut size_bytes) = (0, 0);
        for segment in self.open_segments().filter(is_kept) {
            segments += 1;
            size_bytes += disk_bytes(&segment.path).unwrap_or(0);
        }
        let Pin { name, text, is_automatic, .. } = pin;
        PinSummary { name, text, from, to, segments, size_bytes, is_automatic, is_dropped }
    }

    /// The span of a pin by the clocks of its boot where they are known, else as they were when it
    /// was pinned.
    fn wall_span_of(&self, pin: &Pin) -> (i64, i64) {
        let boot = self.timeline().boot(&pin.boot_id);
        let (from, to) = pin.wall_span();
        let wall = |at_ns: i64, else_at: i64| match (boot, u64::try_from(at_ns)) {
            (Some(boot), Ok(at_ns)) => self.timeline().wall_ns(boot, at_ns),
            _ => else_at,
        };
        (wall(pin.from_ns, from), wall(pin.to_ns, to))
    }
}

/// The time that a segment covers, as the recorder has it.
fn extent(segment: &OpenSegment) -> Extent<'_> {
    let description = segment.reader.description();
    let created_ns = description.created.from_ns;
    let (first_ns, last_ns) = segment.span_ns.unwrap_or((created_ns, created_ns));
    Extent {
        boot_id: &description.boot_id,
        first_ns,
        last_ns,
        offset_ns: segment.reader.clocks().last().map_or(0, |clock| clock.offset_ns),
    }
}
