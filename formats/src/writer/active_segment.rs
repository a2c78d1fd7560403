//! The segment under construction: what each commit puts into it.

use super::table::Table;
use crate::block::{BlockError, Compressor};
use crate::clock::ClockOffset;
use crate::gap::Gap;
use crate::memory::clear_and_shrink;
use crate::narrow::count32;
use crate::segment::{
    Batch, ChunkKind, IndexEntry, RingLimits, SegmentWriter, put_clock, put_gaps, put_limits,
};
use std::collections::VecDeque;

/// The segment under construction.
pub struct Segment {
    /// Its file.
    pub writer: SegmentWriter,
    next_block: u64,
    next_gaps: u64,
    next_journal: u64,
    next_clock: u64,
    /// What it says that rings may take: its own, and that of fine rows.
    limits: [(u64, Option<RingLimits>); 2],
    next_copies: u64,
    /// The newest offset of the clocks that it has.
    offset_ns: i64,
    /// Journal entries that still hold records of no block, oldest first.
    journal: VecDeque<LiveEntry>,
    /// Whether everything is to be sealed into it with the next commit, which is its last.
    pub is_full: bool,
    /// Whether anything but the description was ever committed.
    pub is_used: bool,
}

/// A journal entry.
struct LiveEntry {
    id: u64,
    pieces: u8,
    /// For each table in it, the number of its last record.
    tables: Vec<(u32, u64)>,
}

impl Segment {
    /// A segment that holds its description alone; `clock` is the one in there.
    pub fn new(writer: SegmentWriter, clock: ClockOffset) -> Segment {
        Segment {
            writer,
            next_block: 0,
            next_gaps: 0,
            next_journal: 0,
            next_clock: 0,
            limits: [(0, None); 2],
            // The first are those of the description.
            next_copies: 1,
            offset_ns: clock.offset_ns,
            journal: VecDeque::new(),
            is_full: false,
            is_used: false,
        }
    }

    /// Records the offset of the clocks where it is not the one that the segment knows.
    pub fn note_clock(&mut self, clock: ClockOffset, batch: &mut Batch) {
        if clock.offset_ns != self.offset_ns
            && let Ok(archive) = put_clock(&clock)
        {
            batch.put(ChunkKind::Clock, self.next_clock, &archive);
            self.next_clock += 1;
            self.offset_ns = clock.offset_ns;
        }
    }

    /// Records what the ring may take, and the one of fine rows where there is one, where that is
    /// not what the segment says.
    pub fn note_limits(
        &mut self,
        limits: RingLimits,
        fine: Option<RingLimits>,
        batch: &mut Batch,
    ) -> Result<(), String> {
        let kinds = [(ChunkKind::Limits, Some(limits)), (ChunkKind::FineLimits, fine)];
        for ((kind, limits), (next, said)) in kinds.into_iter().zip(&mut self.limits) {
            if let Some(limits) = limits.filter(|limits| *said != Some(*limits)) {
                let archive = put_limits(&limits).map_err(|error| error.to_string())?;
                batch.put(kind, *next, &archive);
                (*next, *said) = (*next + 1, Some(limits));
            }
        }
        Ok(())
    }

    /// Adds a block of the rows of these times, with which so many records of the table end.
    pub fn put_block(
        &mut self,
        number: u32,
        times: &[u64],
        records: u64,
        block: &[u8],
        batch: &mut Batch,
    ) {
        let entry = IndexEntry {
            table: number,
            id: 0,
            first_ns: times.first().copied().unwrap_or(0),
            last_ns: times.last().copied().unwrap_or(0),
            records,
            rows: count32(times.len()),
            size_bytes: count32(block.len()),
            pieces: 0,
        };
        self.put_entry(entry, block, batch);
    }

    /// Adds a block of which `entry` says all but its number and how many pieces it is kept in.
    pub fn put_entry(&mut self, entry: IndexEntry, block: &[u8], batch: &mut Batch) {
        let id = self.next_block;
        self.next_block += 1;
        let pieces = batch.put(ChunkKind::Block, id, block);
        batch.index(IndexEntry { id, pieces, ..entry });
    }

    /// Adds the schemas of the batch once more.
    pub fn put_copies(&mut self, batch: &mut Batch) -> Result<(), BlockError> {
        self.next_copies += u64::from(batch.put_copies(self.next_copies)?);
        Ok(())
    }

    /// Adds journal entries with what came since the last commit and is in no block. What gathers
    /// stacks has one of its own: the others need not wait until that is in a block.
    pub fn put_journal(
        &mut self,
        tables: &[Table],
        compressor: &mut Compressor,
        scratch: &mut Vec<u8>,
        batch: &mut Batch,
    ) -> Result<(), BlockError> {
        for of_stacks in [false, true] {
            let is_of_it = |table: &Table| table.gathers_stacks() == of_stacks;
            self.put_journal_entry(tables, is_of_it, compressor, scratch, batch)?;
        }
        Ok(())
    }

    fn put_journal_entry(
        &mut self,
        tables: &[Table],
        is_of_it: impl Fn(&Table) -> bool,
        compressor: &mut Compressor,
        scratch: &mut Vec<u8>,
        batch: &mut Batch,
    ) -> Result<(), BlockError> {
        let with_records = || {
            let tables = tables.iter().enumerate();
            tables.filter(|(_, table)| !table.journal.is_empty() && is_of_it(table))
        };
        let sections: Vec<&[u8]> = with_records().map(|(_, table)| &table.journal[..]).collect();
        if sections.is_empty() {
            return Ok(());
        }
        clear_and_shrink(scratch);
        compressor.frame(&sections, scratch)?;
        let id = self.next_journal;
        self.next_journal += 1;
        let pieces = batch.put(ChunkKind::Journal, id, scratch);
        let tables =
            with_records().map(|(number, table)| (count32(number), table.records)).collect();
        self.journal.push_back(LiveEntry { id, pieces, tables });
        Ok(())
    }

    /// Takes journal entries away whose records are all in blocks.
    pub fn drop_covered(&mut self, tables: &[Table], batch: &mut Batch) {
        let is_covered =
            |(number, last): &(u32, u64)| *last <= tables[*number as usize].sealed_records;
        self.journal.retain(|entry| {
            let covered = entry.tables.iter().all(is_covered);
            if covered {
                batch.remove_journal(entry.id, entry.pieces);
            }
            !covered
        });
    }

    /// Adds the gaps that wait, and one for each table that a failing disk cost samples.
    pub fn put_gaps(
        &mut self,
        gaps: &Vec<Gap>,
        compressor: &mut Compressor,
        batch: &mut Batch,
    ) -> Result<(), String> {
        if gaps.is_empty() {
            return Ok(());
        }
        let archive = put_gaps(gaps).map_err(|error| error.to_string())?;
        let mut frame = Vec::new();
        compressor.frame(&[&archive], &mut frame).map_err(|error| error.to_string())?;
        batch.put(ChunkKind::Gaps, self.next_gaps, &frame);
        self.next_gaps += 1;
        Ok(())
    }
}
