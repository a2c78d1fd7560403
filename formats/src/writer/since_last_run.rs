//! What the last run of a recorder left for this one: since when there is a gap, and the clocks.

use crate::block::Decompressor;
use crate::clock::ClockOffset;
use crate::gap::{Gap, GapCause};
use crate::record::RecordView;
use crate::segment::SegmentReader;
use std::path::PathBuf;

/// What an earlier run left.
pub struct LastRun {
    /// The gap since it ended.
    pub gap: Gap,
    /// The clocks as it knew them last, if it was in this boot.
    pub clock: Option<ClockOffset>,
}

/// Looks at the newest segment that can be read and in which something was committed: a recorder
/// that was killed before its first commit left one that says nothing, not even since when the one
/// before it had not been running. Without any there is nothing to tell.
pub fn look(newest_first: &[PathBuf], boot_id: &str, now_ns: u64) -> Option<LastRun> {
    let mut unused = None;
    for path in newest_first.iter().take(MOST_LOOKED_AT) {
        let Ok(segment) = SegmentReader::open(path) else { continue };
        if is_used(&segment) {
            return Some(last_run(&segment, boot_id, now_ns));
        }
        unused.get_or_insert(segment);
    }
    unused.map(|segment| last_run(&segment, boot_id, now_ns))
}

/// Segments that are opened at most, so that a ring of damaged ones does not keep a recorder from
/// starting.
const MOST_LOOKED_AT: usize = 8;

/// Whether the segment has rows or gaps. What cannot be listed is taken to be there.
fn is_used(segment: &SegmentReader) -> bool {
    let no_gaps = || segment.view().and_then(|view| view.gaps()).is_ok_and(|gaps| gaps.is_empty());
    !segment.schemas().is_empty() || !no_gaps()
}

fn last_run(segment: &SegmentReader, boot_id: &str, now_ns: u64) -> LastRun {
    let same_boot = segment.description().boot_id == boot_id;
    let last_ns = last_row(segment).unwrap_or(segment.description().created.from_ns);
    let gap = Gap {
        table: String::new(),
        cause: if same_boot { GapCause::NotRunning } else { GapCause::Rebooted },
        // The clock of another boot has nothing to do with this one's: the reader lets the gap
        // begin where the data before it ends.
        from_ns: if same_boot { last_ns } else { 0 },
        to_ns: now_ns,
        lost: 0,
        detail: String::new(),
    };
    let clock = segment.clocks().last().copied().filter(|_| same_boot);
    LastRun { gap, clock }
}

/// The newest time that any table of the segment has.
fn last_row(segment: &SegmentReader) -> Option<u64> {
    let view = segment.view().ok()?;
    let of_blocks = (segment.schemas().iter())
        .filter_map(|(table, _)| view.ends(*table).ok().flatten())
        .map(|(_, last)| last.last_ns);
    let journal = view.journal(&mut Decompressor::default()).unwrap_or_default();
    let of_journal = journal.iter().flatten().flat_map(|entry| entry.records()).filter_map(
        |(table, _, record)| {
            let (_, schema) = segment.schemas().iter().find(|(number, _)| *number == table)?;
            let view = RecordView::access(record, schema.row_width(), schema.key_width()).ok()?;
            Some(view.times().last()?.to_native())
        },
    );
    of_blocks.chain(of_journal).max()
}
