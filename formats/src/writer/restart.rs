//! What the last run of a recorder left for this one: since when there is a gap, and the clocks.

use crate::clock::ClockOffset;
use crate::gap::{Gap, GapCause};
use crate::record::RecordView;
use crate::schema::{Schema, TableKind};
use crate::segment::{Effort, JournalReader, SegmentReader};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What an earlier run left.
pub struct LastRun {
    /// The gap since it ended; and of tables that had lost something before, that gap.
    pub gaps: Vec<Gap>,
    /// The clocks as it knew them last, if it was in this boot.
    pub clock: Option<ClockOffset>,
}

/// Looks at the newest segment of each ring, given by their files from the newest on, that can be
/// read and in which something was committed: a recorder that was killed before its first commit
/// left one that says nothing, not even since when the one before it had not been running. Without
/// any there is nothing to tell.
pub fn find(rings: &[Vec<PathBuf>], boot_id: &str, now_ns: u64) -> Option<LastRun> {
    let mut segments: Vec<(SegmentReader, bool)> =
        rings.iter().filter_map(|newest_first| newest(newest_first)).collect();
    // One that says nothing is better than none, and no better than that.
    if segments.iter().any(|(_, is_used)| *is_used) {
        segments.retain(|(_, is_used)| *is_used);
    }
    let of_boot = |segment: &SegmentReader| segment.description().boot_id == boot_id;
    let same_boot = segments.iter().any(|(segment, _)| of_boot(segment));
    // A ring into which nothing came in this boot tells nothing of its last run.
    segments.retain(|(segment, _)| of_boot(segment) == same_boot);
    let segments: Vec<SegmentReader> = segments.into_iter().map(|(segment, _)| segment).collect();
    (!segments.is_empty()).then(|| last_run(&segments, same_boot, now_ns))
}

/// The newest segment of a ring in which something was committed, else the newest that can be read;
/// and whether something was.
fn newest(newest_first: &[PathBuf]) -> Option<(SegmentReader, bool)> {
    let mut unused = None;
    let effort = Effort { until: Some(Instant::now() + MOST_TIME), most_bytes: MOST_BYTES };
    for path in newest_first.iter().take(MOST_LOOKED_AT) {
        let Ok(segment) = SegmentReader::open_with(path, &effort) else { continue };
        if is_used(&segment) {
            return Some((segment, true));
        }
        unused.get_or_insert(segment);
    }
    unused.map(|segment| (segment, false))
}

/// Segments that are opened at most, so that a ring of damaged ones does not keep a recorder from
/// starting.
const MOST_LOOKED_AT: usize = 8;

/// How long damaged segments are searched: who starts a recorder wants it to record. One of 64 MiB
/// takes a tenth of it.
const MOST_TIME: Duration = Duration::from_secs(1);

/// The memory that looking at a block may take, and what is read of a journal: its records are
/// those of the second before the end, and some of the minute before.
const MOST_BYTES: u64 = 16 << 20;
const MOST_RECORD_BYTES: usize = 8 << 20;
const MOST_JOURNAL_BYTES: usize = 256 << 20;

/// The longest that rows of a running source wait for the commit that makes them durable: a second,
/// and what commits take.
const GATHERED_NS: u64 = 2_000_000_000;

/// Whether the segment has rows or gaps. What cannot be listed is taken to be there.
fn is_used(segment: &SegmentReader) -> bool {
    !segment.schemas().is_empty() || segment.view().map_or(true, |view| view.has_gaps())
}

fn last_run(segments: &[SegmentReader], same_boot: bool, now_ns: u64) -> LastRun {
    let rows: Vec<_> = segments.iter().map(last_rows).collect();
    let created = segments.iter().map(|segment| segment.description().created.from_ns);
    let newest = rows.iter().flat_map(BTreeMap::values).max().copied();
    let last_ns = newest.or(created.max()).unwrap_or(0);
    let gap = |table: &str, from_ns, to_ns| Gap {
        table: table.to_owned(),
        cause: if same_boot { GapCause::NotRunning } else { GapCause::Rebooted },
        from_ns,
        to_ns,
        lost: 0,
        detail: String::new(),
    };
    // The clock of another boot has nothing to do with this one's: the reader lets the gap begin
    // where the data before it ends.
    let mut gaps = vec![gap("", if same_boot { last_ns } else { 0 }, now_ns)];
    if same_boot {
        let tables = segments.iter().zip(&rows).flat_map(|(segment, rows)| {
            segment.schemas().iter().filter_map(|(table, schema)| Some((schema, *rows.get(table)?)))
        });
        // The rows of a table may go on in the segment of another ring.
        let mut newest: BTreeMap<&str, (&Arc<Schema>, u64)> = BTreeMap::new();
        for (schema, from_ns) in tables {
            let known = newest.entry(&schema.name).or_insert((schema, from_ns));
            if from_ns > known.1 {
                *known = (schema, from_ns);
            }
        }
        let behind = newest.into_values();
        let behind = behind.filter(|(schema, from_ns)| is_cut_short(schema, last_ns - from_ns));
        gaps.extend(behind.map(|(schema, from_ns)| gap(&schema.name, from_ns, last_ns)));
    }
    let clocks = segments.iter().flat_map(|segment| segment.clocks().last().copied());
    let clock = clocks.max_by_key(|clock| clock.from_ns).filter(|_| same_boot);
    LastRun { gaps, clock }
}

/// Whether a table whose last row is older than that of another by `behind_ns` missed deadlines that
/// it cannot have missed for long: its last rows were gathered when the run ended, and those of the
/// other were durable.
fn is_cut_short(schema: &Schema, behind_ns: u64) -> bool {
    schema.kind == TableKind::Sample
        && (2 * schema.interval_ns + 1..=GATHERED_NS).contains(&behind_ns)
}

/// The newest time of each table in the segment that has one.
pub(super) fn last_rows(segment: &SegmentReader) -> BTreeMap<u32, u64> {
    let mut rows = BTreeMap::new();
    let Ok(view) = segment.view() else { return rows };
    let of_blocks = (segment.schemas().iter())
        .filter_map(|(table, _)| Some((*table, view.ends(*table).ok().flatten()?.1.last_ns)));
    let mut note = |table: u32, last_ns: u64| {
        let newest = rows.entry(table).or_insert(last_ns);
        *newest = last_ns.max(*newest);
    };
    of_blocks.for_each(|(table, last_ns)| note(table, last_ns));
    // What cannot be read of it tells nothing.
    let reader = JournalReader::at_most(MOST_RECORD_BYTES, MOST_JOURNAL_BYTES);
    let _ = view.journal_by(reader, |record| {
        let Ok((table, _, record)) = record else { return };
        let schema = segment.schemas().iter().find(|(number, _)| *number == table);
        let Some((_, schema)) = schema else { return };
        let view = RecordView::access(record, schema.row_width(), schema.key_width());
        if let Some(last) = view.ok().and_then(|view| Some(view.times().last()?.to_native())) {
            note(table, last);
        }
    });
    rows
}
