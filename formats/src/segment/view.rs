//! One state of a segment, and what can be read of it.

use super::JournalReader;
use super::copies::Found;
use super::describe::{RingLimits, take_gaps, take_limits};
use super::envelope::{ChunkKind, Envelope, EnvelopeError, chunk_key};
use super::error::SegmentError;
use super::guard::Guarded;
use super::index::IndexEntry;
use super::salvage::Salvage;
use super::trees::{Key, Trees};
use crate::block::{BlockError, Decompressor};
use crate::gap::Gap;
use redb::ReadTransaction;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The gaps of a segment that are read, unpacked: some 300,000. Where more are in one, somebody made
/// it to fill the memory of its reader.
const MOST_GAPS_BYTES: usize = 32 << 20;

/// The longest payload that is read, its pieces put together; blocks have a few MiB.
const MOST_CHUNK_BYTES: usize = 40 << 20;

fn read_entry(key: Key, value: &[u8]) -> Result<IndexEntry, SegmentError> {
    let (kind, id) = (ChunkKind::Block, key.2);
    IndexEntry::from_pair(key, value).map_err(|why| SegmentError::Chunk { kind, id, why })
}

/// One state of a segment.
pub enum SegmentView {
    /// Through its trees, with what keeps them while a recorder writes.
    Trees(Box<Trees>, Option<Guarded<ReadTransaction>>),
    /// Through what was found in the file.
    Salvage(Arc<Salvage>),
}

impl SegmentView {
    /// The ids of all chunks of a kind, ascending.
    pub(crate) fn ids(&self, kind: ChunkKind) -> Result<Vec<u64>, SegmentError> {
        let range = chunk_key(kind, 0, 0)..chunk_key(kind, u64::MAX, 3) + 1;
        let mut ids = Vec::new();
        let mut note = |key: u64| {
            if key & 3 == 0 {
                ids.push((key & 0x00ff_ffff_ffff_ffff) >> 2);
            }
        };
        match self {
            SegmentView::Trees(trees, _) => {
                trees.range(trees.chunks, (0, 0, range.start), false, |(.., key), _| {
                    if key >= range.end {
                        return ControlFlow::Break(());
                    }
                    note(key);
                    ControlFlow::Continue(())
                })?;
            }
            SegmentView::Salvage(salvage) => salvage.keys(range).for_each(note),
        }
        Ok(ids)
    }

    /// The payload of a chunk, its pieces put together, checksums verified.
    pub(crate) fn whole(&self, kind: ChunkKind, id: u64) -> Result<Vec<u8>, SegmentError> {
        let mut whole = Vec::new();
        let mut piece = 0;
        loop {
            let key = chunk_key(kind, id, piece);
            let pieces = self.with_piece(key, |bytes| {
                let (envelope, payload) = Envelope::take(bytes)?;
                if envelope.key() != key {
                    return Err(EnvelopeError::Misplaced);
                }
                whole.extend_from_slice(payload);
                Ok(envelope.pieces)
            })?;
            match pieces {
                None => return Err(SegmentError::Missing { kind, id }),
                Some(Err(EnvelopeError::Newer(version))) => {
                    return Err(SegmentError::Newer(u32::from(version)));
                }
                Some(Err(why)) => return Err(SegmentError::Chunk { kind, id, why }),
                Some(Ok(_)) if whole.len() > MOST_CHUNK_BYTES => {
                    let why = BlockError::Layout("length of its pieces");
                    return Err(SegmentError::Inside { kind, id, why });
                }
                Some(Ok(pieces)) if piece + 1 >= pieces => return Ok(whole),
                Some(Ok(_)) => piece += 1,
            }
        }
    }

    fn with_piece<T>(
        &self,
        key: u64,
        then: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, SegmentError> {
        match self {
            SegmentView::Trees(trees, _) => {
                Ok(trees.get(trees.chunks, (0, 0, key))?.map(|piece| then(&piece)))
            }
            SegmentView::Salvage(salvage) => Ok(salvage.get(key)?.map(|piece| then(&piece))),
        }
    }

    /// The index entries of a table's blocks that may have rows in `first_ns..=last_ns`
    /// (`CLOCK_BOOTTIME`), in order of time.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn entries(
        &self,
        table: u32,
        first_ns: u64,
        last_ns: u64,
    ) -> Result<Vec<IndexEntry>, SegmentError> {
        // Blocks of a table do not overlap, so of those that begin before the span only the last
        // can reach into it.
        let before = (table, 0, 0)..(table, first_ns, 0);
        let within = (table, first_ns, 0)..=(table, last_ns, u64::MAX);
        let mut entries = Vec::new();
        match self {
            SegmentView::Trees(trees, _) => {
                match trees.last_before(trees.index, before.end)? {
                    Some((key, value)) if key >= before.start => {
                        entries.push(read_entry(key, &value)?);
                    }
                    _ => {}
                }
                let mut damage = None;
                trees.range(trees.index, *within.start(), true, |key, value| {
                    if key > *within.end() {
                        return ControlFlow::Break(());
                    }
                    match read_entry(key, value) {
                        Ok(entry) => entries.push(entry),
                        Err(error) => {
                            damage = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                    ControlFlow::Continue(())
                })?;
                damage.map_or(Ok(()), Err)?;
            }
            SegmentView::Salvage(salvage) => {
                let index = salvage.index();
                entries.extend(index.range(before).next_back().map(|(_, entry)| *entry));
                entries.extend(index.range(within).map(|(_, entry)| *entry));
            }
        }
        let in_order =
            |pair: &[IndexEntry]| pair[0].last_ns <= pair[1].first_ns && pair[0].id < pair[1].id;
        if entries.iter().any(|entry| entry.table != table) || !entries.windows(2).all(in_order) {
            return Err(SegmentError::Database("its index is not in order".into()));
        }
        entries.retain(|entry| entry.last_ns >= first_ns);
        Ok(entries)
    }

    /// The numbers of the tables that have blocks.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn tables(&self) -> Result<Vec<u32>, SegmentError> {
        let mut tables = Vec::new();
        let from = |tables: &[u32]| tables.last().map_or(Some(0), |last| last.checked_add(1));
        match self {
            SegmentView::Trees(trees, _) => {
                while let Some(from) = from(&tables) {
                    let before = tables.len();
                    trees.range(trees.index, (from, 0, 0), true, |(table, ..), _| {
                        tables.push(table);
                        ControlFlow::Break(())
                    })?;
                    if tables.len() == before {
                        break;
                    }
                }
            }
            SegmentView::Salvage(salvage) => {
                tables.extend(salvage.index().keys().map(|(table, ..)| *table));
                tables.dedup();
            }
        }
        Ok(tables)
    }

    /// The first and the last index entry of a table.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn ends(&self, table: u32) -> Result<Option<(IndexEntry, IndexEntry)>, SegmentError> {
        let all = (table, 0, 0)..=(table, u64::MAX, u64::MAX);
        match self {
            SegmentView::Trees(trees, _) => {
                let mut first = None;
                trees.range(trees.index, *all.start(), true, |key, value| {
                    first = (key <= *all.end()).then(|| read_entry(key, value));
                    ControlFlow::Break(())
                })?;
                let Some(first) = first.transpose()? else { return Ok(None) };
                let behind = (table, u64::MAX, u64::MAX);
                let last = match trees.last_before(trees.index, behind)? {
                    Some((key, value)) if key > first.key() => read_entry(key, &value)?,
                    _ => first,
                };
                Ok(Some((first, last)))
            }
            SegmentView::Salvage(salvage) => {
                let mut range = salvage.index().range(all);
                let Some((_, first)) = range.next() else { return Ok(None) };
                Ok(Some((*first, range.next_back().map_or(*first, |(_, last)| *last))))
            }
        }
    }

    /// The bytes of a block.
    ///
    /// # Errors
    /// When it is damaged or missing.
    pub fn block(&self, id: u64) -> Result<Vec<u8>, SegmentError> {
        self.whole(ChunkKind::Block, id)
    }

    /// What the ring of this segment may take, as it was said last; `None` in segments of before it
    /// was said.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn limits(&self) -> Result<Option<RingLimits>, SegmentError> {
        self.limits_of(ChunkKind::Limits)
    }

    /// The same of the ring of fine rows; `None` where these are not kept apart.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn fine_limits(&self) -> Result<Option<RingLimits>, SegmentError> {
        self.limits_of(ChunkKind::FineLimits)
    }

    fn limits_of(&self, kind: ChunkKind) -> Result<Option<RingLimits>, SegmentError> {
        let Some(id) = self.ids(kind)?.pop() else { return Ok(None) };
        let damaged = |why| SegmentError::Chunk { kind, id, why };
        take_limits(&self.whole(kind, id)?).map(Some).map_err(damaged)
    }

    /// The gaps that were recorded in this segment, and what of them is damaged.
    pub fn gaps(&self) -> (Vec<Gap>, Vec<SegmentError>) {
        let kind = ChunkKind::Gaps;
        let mut decompressor = Decompressor::default();
        let mut archive = Vec::new();
        let (mut gaps, mut problems) = (Vec::new(), Vec::new());
        let mut left_bytes = MOST_GAPS_BYTES;
        let ids = self.ids(kind).unwrap_or_else(|error| {
            problems.push(error);
            Vec::new()
        });
        // They are numbered from 0, and none is ever taken away.
        let missing = ids.iter().enumerate().find(|(at, id)| *at as u64 != **id);
        if let (Some((at, _)), SegmentView::Trees(..)) = (missing, self) {
            problems.push(SegmentError::Missing { kind, id: at as u64 });
        }
        for id in ids {
            let read = self.whole(kind, id).and_then(|frame| {
                let damaged = |why| SegmentError::Inside { kind, id, why };
                decompressor
                    .open_at_most(left_bytes, &frame, "gaps", &mut archive)
                    .map_err(damaged)?;
                take_gaps(&archive).map_err(|why| SegmentError::Chunk { kind, id, why })
            });
            match read {
                Ok(read) => {
                    left_bytes -= archive.len();
                    gaps.extend(read);
                }
                Err(problem) => problems.push(problem),
            }
        }
        (gaps, problems)
    }

    /// The copies of description and schemas, and what of them is damaged.
    pub(crate) fn copies(&self) -> (Found, Vec<SegmentError>) {
        let kind = ChunkKind::Copies;
        let (mut found, mut problems) = (Found::default(), Vec::new());
        let ids = self.ids(kind).unwrap_or_else(|error| {
            problems.push(error);
            Vec::new()
        });
        for id in ids {
            let read = self.whole(kind, id).and_then(|frame| {
                found.read(&frame).map_err(|why| SegmentError::Inside { kind, id, why })
            });
            problems.extend(read.err());
        }
        (found, problems)
    }

    /// Whether gaps were recorded in this segment. What cannot be listed is taken to be there.
    pub fn has_gaps(&self) -> bool {
        !self.ids(ChunkKind::Gaps).is_ok_and(|ids| ids.is_empty())
    }

    /// Calls `each` with table, number and bytes of every record in the journal, oldest first, and
    /// with the error of an entry that is damaged.
    ///
    /// # Errors
    /// When the entries cannot be listed.
    pub fn journal(
        &self,
        each: impl FnMut(Result<(u32, u64, &[u8]), SegmentError>),
    ) -> Result<(), SegmentError> {
        self.journal_by(JournalReader::default(), each)
    }

    /// The same, as far as `reader` reads.
    ///
    /// # Errors
    /// As [`SegmentView::journal`].
    pub fn journal_by(
        &self,
        mut reader: JournalReader,
        mut each: impl FnMut(Result<(u32, u64, &[u8]), SegmentError>),
    ) -> Result<(), SegmentError> {
        let kind = ChunkKind::Journal;
        for id in self.ids(kind)? {
            let read = self.whole(kind, id).and_then(|payload| {
                reader
                    .read(&payload, |table, number, record| each(Ok((table, number, record))))
                    .map_err(|why| SegmentError::Inside { kind, id, why })
            });
            if let Err(damage) = read {
                let is_too_long = reader.is_spent();
                each(Err(damage));
                if is_too_long {
                    break;
                }
            }
        }
        Ok(())
    }
}
