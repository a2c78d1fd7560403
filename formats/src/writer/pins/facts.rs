//! What has to be known of a segment to say which pins want it.

use crate::pin::Extent;
use crate::ring::Closed;
use crate::segment::{Effort, SegmentDescription, SegmentError, SegmentReader};
use crate::writer::{fine, restart};
use std::time::{Duration, Instant};

/// How long a damaged segment is searched, and the memory that it may take.
const MOST_TIME: Duration = Duration::from_millis(100);
const MOST_BYTES: u64 = 16 << 20;

/// What is known of a segment.
pub struct Facts {
    pub description: SegmentDescription,
    /// The first and the last time that it has something of, `CLOCK_BOOTTIME` ns.
    pub span_ns: (u64, u64),
    /// What the wall clock was ahead of these, ns.
    pub offset_ns: i64,
    /// Whether it has fine rows.
    pub has_fine: bool,
}

impl Facts {
    /// Reads them; `None` where nobody can.
    ///
    /// # Errors
    /// What the disk says: then they may be read another time.
    pub fn read(segment: &Closed) -> Result<Option<Facts>, SegmentError> {
        let effort = Effort { until: Some(Instant::now() + MOST_TIME), most_bytes: MOST_BYTES };
        match SegmentReader::open_with(&segment.path, &effort).and_then(|reader| of(&reader)) {
            Ok(facts) => Ok(Some(facts)),
            Err(error @ SegmentError::Io(_)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// When it begins by the wall clock, ns since the epoch.
    pub fn begins_at(&self) -> i64 {
        self.offset_ns.saturating_add_unsigned(self.span_ns.0)
    }

    /// The time that it covers.
    pub fn extent(&self) -> Extent<'_> {
        Extent {
            boot_id: &self.description.boot_id,
            first_ns: self.span_ns.0,
            last_ns: self.span_ns.1,
            offset_ns: self.offset_ns,
        }
    }
}

fn of(reader: &SegmentReader) -> Result<Facts, SegmentError> {
    let view = reader.view()?;
    let description = reader.description().clone();
    let created_ns = description.created.from_ns;
    let (mut first_ns, mut has_fine) = (None::<u64>, false);
    for (table, schema) in reader.schemas() {
        if let Some((first, _)) = view.ends(*table)? {
            first_ns = Some(first_ns.map_or(first.first_ns, |known| known.min(first.first_ns)));
            has_fine |= fine::is_fine(schema);
        }
    }
    // Of a run that was killed, the last rows are in no block, and all may be.
    let last_ns = restart::last_rows(reader).into_values().max();
    let first_ns = first_ns.unwrap_or(created_ns);
    let last_ns = last_ns.unwrap_or(created_ns).max(first_ns);
    let offset_ns = reader.clocks().last().map_or(0, |clock| clock.offset_ns);
    Ok(Facts { description, span_ns: (first_ns, last_ns), offset_ns, has_fine })
}
