//! Where the next row is.

use super::open::OpenSegment;
use super::{ReadError, Recording, tail};
use crate::block::{Block, Decompressor};
use crate::schema::Schema;
use crate::segment::SegmentError;
use std::sync::Arc;

impl Recording {
    /// The wall time of the first row of any table at `from` or later, ns since the epoch; `None`
    /// when there is none. What is damaged has no rows here.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn next_row(&self, from: i64) -> Result<Option<i64>, ReadError> {
        let mut next: Option<i64> = None;
        for segment in self.open_segments() {
            for (table, schema) in segment.reader.schemas() {
                let Some(span_ns) = segment.table_spans_ns.get(table) else { continue };
                let span = self.wall_span(segment, *span_ns);
                if span.1 < from || next.is_some_and(|next| next <= span.0) {
                    continue;
                }
                let row = match span.0 >= from {
                    true => Some(span.0),
                    false => self.next_row_of(segment, *table, schema, from)?,
                };
                next = [next, row].into_iter().flatten().min();
            }
        }
        Ok(next)
    }

    /// The same of a table in a segment that has rows before it.
    fn next_row_of(
        &self,
        segment: &OpenSegment,
        table: u32,
        schema: &Arc<Schema>,
        from: i64,
    ) -> Result<Option<i64>, ReadError> {
        let timeline = self.timeline();
        let Some((first_ns, _)) = timeline.boot_span(segment.boot, from, i64::MAX) else {
            return Ok(None);
        };
        let error = |error| segment.error(error);
        let view = segment.reader.view().map_err(error)?;
        let mut decompressor = Decompressor::default();
        let mut row_in = |bytes: &[u8]| {
            let block = Block::open(bytes, schema, &mut decompressor).ok()?;
            let times = timeline.wall_times(segment.boot, block.times());
            times.get(times.partition_point(|time| *time < from)).copied()
        };
        match view.entries(table, first_ns, u64::MAX) {
            Ok(entries) => {
                for entry in entries {
                    let row = match view.block(entry.id) {
                        Ok(bytes) => row_in(&bytes),
                        Err(_) => None,
                    };
                    if row.is_some() {
                        return Ok(row);
                    }
                }
            }
            Err(SegmentError::Io(source)) => return Err(error(source.into())),
            Err(_) => {}
        }
        let made = tail::block(segment.reader.access(), &view, table, schema, &mut Vec::new());
        Ok(made.ok().flatten().and_then(|made| row_in(&made)))
    }
}
