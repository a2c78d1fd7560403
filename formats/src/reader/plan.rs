//! Which blocks of a segment a scan reads.

use super::ReadError;
use super::open::OpenSegment;
use super::tail;
use super::timeline::Timeline;
use crate::narrow::count32;
use crate::schema::{Column, Schema};
use crate::segment::{IndexEntry, SegmentError, SegmentReader, SegmentView};
use std::sync::Arc;

/// Where a block's bytes are.
pub enum Bytes {
    /// In the segment, where this entry of its index says.
    Stored(IndexEntry),
    /// In memory: made from the journal.
    Made(Vec<u8>),
}

/// The part of a scan that one segment answers.
pub struct SegmentPlan {
    /// The segment.
    pub segment: Arc<OpenSegment>,
    /// What is wanted of it.
    pub wanted: Arc<Wanted>,
    /// The state of it that is read.
    pub view: SegmentView,
    /// The table's schema there.
    pub schema: Arc<Schema>,
    /// For each selected column of the newest schema the column there, if it has it.
    pub columns: Vec<Option<usize>>,
    /// The blocks, in order of time, and their length.
    pub blocks: Vec<(Bytes, u32)>,
    /// What could not be read while planning.
    pub problems: Vec<ReadError>,
}

/// What is wanted of every segment.
pub struct Wanted {
    /// The newest schema of the table.
    pub schema: Arc<Schema>,
    /// The selected columns, as indices into its row columns.
    pub selected: Vec<usize>,
    /// First wall time, ns.
    pub from: i64,
    /// End of the span, exclusive.
    pub to: i64,
}

/// Plans the reading of one segment; `None` when it has nothing of it.
pub fn plan(
    segment: &Arc<OpenSegment>,
    timeline: &Timeline,
    wanted: &Arc<Wanted>,
) -> Result<Option<SegmentPlan>, ReadError> {
    let Some((table, schema)) = segment.table(&wanted.schema.name) else { return Ok(None) };
    let Some((first_ns, last_ns)) = timeline.boot_span(segment.boot, wanted.from, wanted.to) else {
        return Ok(None);
    };
    let same_keys = |a: &Schema, b: &Schema| {
        let shape = |schema: &Schema| -> Vec<_> {
            schema.keys.iter().map(|key| (key.name.clone(), key.kind)).collect()
        };
        a.kind == b.kind && shape(a) == shape(b)
    };
    if !same_keys(&schema, &wanted.schema) {
        return Err(segment.damaged(format!("its table {} has other keys", schema.name)));
    }
    let mut problems = Vec::new();
    let found = |reader: &SegmentReader, problems: &mut Vec<SegmentError>| {
        let view = reader.view()?;
        let entries = view.entries(table, first_ns, last_ns)?;
        let mut blocks: Vec<(Bytes, u32)> =
            entries.into_iter().map(|entry| (Bytes::Stored(entry), entry.size_bytes)).collect();
        if let Some(made) = tail::block(reader.access(), &view, table, &schema, problems)? {
            let size = count32(made.len());
            blocks.push((Bytes::Made(made), size));
        }
        Ok::<_, SegmentError>((view, blocks))
    };
    let (view, blocks) = match found(&segment.reader, &mut problems) {
        Ok(found) => found,
        Err(damage) => {
            let Some(salvaged) = segment.salvaged() else { return Err(segment.error(damage)) };
            problems.push(damage);
            found(salvaged, &mut problems).map_err(|error| segment.error(error))?
        }
    };
    let newest: Vec<&Column> = wanted.schema.row_columns().collect();
    let columns = (wanted.selected.iter())
        .map(|&column| {
            let column = newest[column];
            schema.row_columns().position(|c| c.name == column.name && c.kind == column.kind)
        })
        .collect();
    let problems = problems.into_iter().map(|error| segment.error(error)).collect();
    let (segment, wanted) = (segment.clone(), wanted.clone());
    Ok(Some(SegmentPlan { segment, wanted, view, schema, columns, blocks, problems }))
}
