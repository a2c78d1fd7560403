//! How long a recording lasts: what each of its rings takes a second, and what it may take.

use super::open::OpenSegment;
use super::{ReadError, Recording};
use crate::ring::disk_bytes;
use crate::schema::{Schema, TableKind};
use crate::segment::RingLimits;
use crate::writer::fine;
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
        let raw: Vec<_> = self.raw().iter().collect();
        // Where fine rows are kept apart somebody said what they may take.
        let of_fine = raw.iter().rev().find_map(|segment| {
            let view = segment.reader.view().ok()?;
            if segment.is_fine { view.limits().ok()? } else { view.fine_limits().ok()? }
        });
        let mut rings = Vec::new();
        let classes: &[Rows] = match of_fine {
            Some(_) => &[Rows::Fine, Rows::Others],
            None => &[Rows::All],
        };
        for class in classes {
            if let Some(interval_ns) = shortest_interval_ns(&raw, *class) {
                let ring = self.ring(RingKind::Rows { interval_ns }, *class, &raw)?;
                let limits = if *class == Rows::Fine { of_fine } else { ring.limits };
                rings.push(RingSummary { limits, ..ring });
            }
        }
        for tier in self.tiers().iter().rev() {
            let segments: Vec<_> = tier.iter().collect();
            if let Some(newest) = segments.last() {
                let step_ns = newest.reader.description().tier_ns;
                rings.push(self.ring(RingKind::Tier { step_ns }, Rows::All, &segments)?);
            }
        }
        Ok(rings)
    }

    fn ring(
        &self,
        kind: RingKind,
        class: Rows,
        segments: &[&Arc<OpenSegment>],
    ) -> Result<RingSummary, ReadError> {
        let on_disk = |segment: &OpenSegment| disk_bytes(&segment.path).unwrap_or(0);
        let (mut recorded_ns, mut taken_bytes, mut size_bytes) = (0, 0, 0);
        let mut last = i64::MIN;
        for segment in segments {
            let (own_bytes, all_bytes) = blocks_bytes(segment, class)?;
            // A segment that is not split yet counts for both rings, by their blocks.
            let is_own = class == Rows::All || segment.is_fine == (class == Rows::Fine);
            size_bytes += if is_own { on_disk(segment) } else { 0 };
            let Some(span) = span_of(segment, class) else { continue };
            // Each row is for the time up to the next.
            recorded_ns += span.1.saturating_sub(span.0).saturating_add(kind.step_ns());
            let most_bytes = if own_bytes == all_bytes { on_disk(segment) } else { u64::MAX };
            taken_bytes += most_bytes.min(own_bytes * OF_BLOCKS_PERCENT / 100);
            last = last.max(self.wall_span(segment, span).1);
        }
        let is_known = recorded_ns > ROWS_TO_KNOW.saturating_mul(slowest_step_ns(kind));
        let end = self.span().map_or(last, |span| span.1);
        let of_ring = |segment: &&&Arc<OpenSegment>| {
            class == Rows::All || segment.is_fine == (class == Rows::Fine)
        };
        let limits = segments.iter().rev().filter(of_ring).find_map(|segment| {
            // What cannot be read is not known.
            segment.reader.view().and_then(|view| view.limits()).ok().flatten()
        });
        Ok(RingSummary {
            kind,
            size_bytes,
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

/// Which of the rows of a segment a ring keeps, or will.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    All,
    Fine,
    Others,
}

impl Rows {
    fn has(self, schema: &Schema) -> bool {
        self == Rows::All || fine::is_fine(schema) == (self == Rows::Fine)
    }
}

/// The times of the first and the last of these rows in a segment, where it has any.
fn span_of(segment: &OpenSegment, class: Rows) -> Option<(u64, u64)> {
    let schemas = segment.reader.schemas().iter().filter(|(_, schema)| class.has(schema));
    let spans = schemas.filter_map(|(table, _)| segment.table_spans_ns.get(table).copied());
    spans.reduce(|all, span| (all.0.min(span.0), all.1.max(span.1)))
}

/// The shortest interval of the sample tables with such rows in the newest segment that has any; a
/// second where there is none.
fn shortest_interval_ns(segments: &[&Arc<OpenSegment>], class: Rows) -> Option<u64> {
    let newest = segments.iter().rev().find(|segment| span_of(segment, class).is_some())?;
    let schemas = newest.reader.schemas().iter().filter(|(_, schema)| class.has(schema));
    let samples = schemas.filter(|(_, schema)| schema.kind == TableKind::Sample);
    let intervals = samples.map(|(_, schema)| schema.interval_ns).filter(|interval| *interval > 0);
    Some(intervals.min().unwrap_or(1_000_000_000))
}

/// Every slow table has rows this often.
fn slowest_step_ns(kind: RingKind) -> u64 {
    match kind {
        RingKind::Rows { interval_ns } => interval_ns.max(100_000_000),
        RingKind::Tier { step_ns } => step_ns,
    }
}

/// The bytes of the blocks of such rows in a segment, and of all its blocks.
fn blocks_bytes(segment: &OpenSegment, class: Rows) -> Result<(u64, u64), ReadError> {
    let error = |error| segment.error(error);
    let view = segment.reader.view().map_err(error)?;
    let (mut own_bytes, mut all_bytes) = (0, 0);
    for (table, schema) in segment.reader.schemas() {
        let entries = view.entries(*table, 0, u64::MAX).map_err(error)?;
        let bytes = entries.iter().map(|entry| u64::from(entry.size_bytes)).sum::<u64>();
        all_bytes += bytes;
        own_bytes += if class.has(schema) { bytes } else { 0 };
    }
    Ok((own_bytes, all_bytes))
}
