//! How long a recording lasts: what each of its rings takes a second, and what it may take.

use super::open::OpenSegment;
use super::{ReadError, Recording};
use crate::ring::disk_bytes;
use crate::schema::TableKind;
use crate::segment::RingLimits;
use std::sync::Arc;

/// One ring of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct RingSummary {
    /// Which it is.
    pub kind: RingKind,
    /// Bytes that its segments take on disk.
    pub size_bytes: u64,
    /// Bytes that it takes on disk for each second that is recorded; `None` before a block of every
    /// table can be expected.
    pub bytes_per_second: Option<f64>,
    /// Its share, and the bound of the recording, as the recorder knew them last.
    pub limits: Option<RingLimits>,
    /// Whether rows come into it still, or did until the recording ended.
    pub is_in_use: bool,
}

/// Which ring of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RingKind {
    /// Rows as the sources sent them; `interval_ns` is the shortest of its tables.
    Rows {
        /// Nanoseconds between two samples.
        interval_ns: u64,
    },
    /// A tier.
    Tier {
        /// What one row covers, ns.
        step_ns: u64,
    },
}

impl RingKind {
    /// Nanoseconds from one row to the next.
    pub fn step_ns(self) -> u64 {
        match self {
            RingKind::Rows { interval_ns } => interval_ns,
            RingKind::Tier { step_ns } => step_ns,
        }
    }
}

/// A block of a slow table has this many rows; before that much has come, what a ring takes is its
/// journal.
const ROWS_TO_KNOW: u64 = 120;

/// Into a ring that is in use something came within this time before the end of the recording: an
/// hour.
const IN_USE_NS: i64 = 3_600_000_000_000;

/// What blocks take on disk at most, in hundredths of their bytes, with their index and what lies
/// empty between them. The journal, which takes more than all else in a young segment, is not in it.
const OF_BLOCKS_PERCENT: u64 = 140;

impl Recording {
    /// Its rings, those with the finest rows first.
    ///
    /// # Errors
    /// When an index cannot be read.
    pub fn rings(&self) -> Result<Vec<RingSummary>, ReadError> {
        let of_rows = |is_fine| {
            let segments = self.raw().iter().filter(move |segment| segment.is_fine == is_fine);
            segments.collect::<Vec<_>>()
        };
        let mut rings = Vec::new();
        for segments in [of_rows(true), of_rows(false)] {
            if let Some(newest) = segments.last() {
                let interval_ns = shortest_interval_ns(newest);
                rings.push(self.ring(RingKind::Rows { interval_ns }, &segments)?);
            }
        }
        for tier in self.tiers().iter().rev() {
            let segments: Vec<_> = tier.iter().collect();
            if let Some(newest) = segments.last() {
                let step_ns = newest.reader.description().tier_ns;
                rings.push(self.ring(RingKind::Tier { step_ns }, &segments)?);
            }
        }
        Ok(rings)
    }

    fn ring(
        &self,
        kind: RingKind,
        segments: &[&Arc<OpenSegment>],
    ) -> Result<RingSummary, ReadError> {
        let on_disk = |segment: &OpenSegment| disk_bytes(&segment.path).unwrap_or(0);
        let (mut recorded_ns, mut taken_bytes) = (0, 0);
        let mut last = i64::MIN;
        for segment in segments {
            let Some(span) = segment.span_ns else { continue };
            recorded_ns += span.1.saturating_sub(span.0);
            taken_bytes += on_disk(segment).min(blocks_bytes(segment)? * OF_BLOCKS_PERCENT / 100);
            last = last.max(self.wall_span(segment, span).1);
        }
        let is_known = recorded_ns > ROWS_TO_KNOW.saturating_mul(slowest_step_ns(kind));
        let end = self.span().map_or(last, |span| span.1);
        let limits = segments.iter().rev().find_map(|segment| {
            // What cannot be read is not known.
            segment.reader.view().and_then(|view| view.limits()).ok().flatten()
        });
        Ok(RingSummary {
            kind,
            size_bytes: segments.iter().map(|segment| on_disk(segment)).sum(),
            bytes_per_second: (is_known && taken_bytes > 0)
                .then(|| taken_bytes as f64 / (recorded_ns as f64 / 1e9)),
            limits,
            is_in_use: last >= end.saturating_sub(IN_USE_NS),
        })
    }
}

impl RingSummary {
    /// For how many seconds each of `rings` lasts in a recording of `bound_bytes` in which it has
    /// `share_bytes` of it, at the rate that was seen. Shares of rings that are not in use go to the
    /// others.
    pub fn lasting_seconds(&self, rings: &[RingSummary]) -> Option<f64> {
        let share = |ring: &RingSummary| ring.limits.filter(|_| ring.is_in_use);
        let shares: u64 = rings.iter().filter_map(|ring| Some(share(ring)?.share_bytes)).sum();
        // The newest that was said counts for all.
        let bound = rings.iter().filter_map(|ring| Some(share(ring)?.bound_bytes)).max()?;
        let own = share(self)?.share_bytes as f64 / shares.max(1) as f64 * bound as f64;
        Some(own / self.bytes_per_second?)
    }
}

/// The shortest interval of the sample tables of a segment; a second where there is none.
fn shortest_interval_ns(segment: &OpenSegment) -> u64 {
    let schemas = segment.reader.schemas().iter().map(|(_, schema)| schema);
    let samples = schemas.filter(|schema| schema.kind == TableKind::Sample);
    let intervals = samples.map(|schema| schema.interval_ns).filter(|interval| *interval > 0);
    intervals.min().unwrap_or(1_000_000_000)
}

/// Every slow table has rows this often.
fn slowest_step_ns(kind: RingKind) -> u64 {
    match kind {
        RingKind::Rows { interval_ns } => interval_ns.max(100_000_000),
        RingKind::Tier { step_ns } => step_ns,
    }
}

fn blocks_bytes(segment: &OpenSegment) -> Result<u64, ReadError> {
    let error = |error| segment.error(error);
    let view = segment.reader.view().map_err(error)?;
    let mut bytes = 0;
    for (table, _) in segment.reader.schemas() {
        let entries = view.entries(*table, 0, u64::MAX).map_err(error)?;
        bytes += entries.iter().map(|entry| u64::from(entry.size_bytes)).sum::<u64>();
    }
    Ok(bytes)
}
