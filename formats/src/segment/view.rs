//! One state of a segment, and what can be read of it.

use super::describe::take_gaps;
use super::envelope::{ChunkKind, Envelope, EnvelopeError, chunk_key};
use super::error::{SegmentError, redb_error};
use super::guard::Guarded;
use super::index::IndexEntry;
use super::salvage::Salvage;
use super::{CHUNKS, INDEX, JournalReader};
use crate::block::Decompressor;
use crate::gap::Gap;
use redb::{ReadTransaction, ReadableTable};
use std::sync::Arc;

type FoundEntry<'a> =
    (redb::AccessGuard<'a, (u32, u64, u64)>, redb::AccessGuard<'a, &'static [u8]>);

fn read_entry(
    found: Result<FoundEntry<'_>, redb::StorageError>,
) -> Result<IndexEntry, SegmentError> {
    let (key, value) = found.map_err(redb_error)?;
    let key = key.value();
    let (kind, id) = (ChunkKind::Block, key.2);
    IndexEntry::of(key, value.value()).map_err(|why| SegmentError::Chunk { kind, id, why })
}

/// One state of a segment.
pub enum SegmentView {
    /// Through redb.
    Database(Guarded<ReadTransaction>),
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
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let chunks = transaction.open_table(CHUNKS).map_err(redb_error)?;
                for entry in chunks.range(range).map_err(redb_error)? {
                    note(entry.map_err(redb_error)?.0.value());
                }
                Ok(())
            })?,
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
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let chunks = transaction.open_table(CHUNKS).map_err(redb_error)?;
                let piece = chunks.get(key).map_err(redb_error)?;
                Ok(piece.map(|piece| then(piece.value())))
            }),
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
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let index = transaction.open_table(INDEX).map_err(redb_error)?;
                if let Some(entry) = index.range(before).map_err(redb_error)?.next_back() {
                    entries.push(read_entry(entry)?);
                }
                for entry in index.range(within).map_err(redb_error)? {
                    entries.push(read_entry(entry)?);
                }
                Ok(())
            })?,
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
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let index = transaction.open_table(INDEX).map_err(redb_error)?;
                while let Some(from) = from(&tables)
                    && let Some(entry) = index.range((from, 0, 0)..).map_err(redb_error)?.next()
                {
                    tables.push(entry.map_err(redb_error)?.0.value().0);
                }
                Ok(())
            })?,
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
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let index = transaction.open_table(INDEX).map_err(redb_error)?;
                let mut range = index.range(all).map_err(redb_error)?;
                let Some(first) = range.next() else { return Ok(None) };
                let first = read_entry(first)?;
                let last = range.next_back().map_or(Ok(first), read_entry)?;
                Ok(Some((first, last)))
            }),
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

    /// The gaps that were recorded in this segment.
    ///
    /// # Errors
    /// When some are damaged.
    pub fn gaps(&self) -> Result<Vec<Gap>, SegmentError> {
        let kind = ChunkKind::Gaps;
        let mut decompressor = Decompressor::default();
        let mut archive = Vec::new();
        let mut gaps = Vec::new();
        for id in self.ids(kind)? {
            let frame = self.whole(kind, id)?;
            let damaged = |why| SegmentError::Block { id, why };
            decompressor.open(&frame, "gaps", &mut archive).map_err(damaged)?;
            let damaged = |why| SegmentError::Chunk { kind, id, why };
            gaps.extend(take_gaps(&archive).map_err(damaged)?);
        }
        Ok(gaps)
    }

    /// The entries of the journal, oldest first, each with its id; a damaged one as its error.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn journal(
        &self,
        decompressor: &mut Decompressor,
    ) -> Result<Vec<Result<JournalReader, SegmentError>>, SegmentError> {
        let kind = ChunkKind::Journal;
        let ids = self.ids(kind)?;
        Ok(ids
            .into_iter()
            .map(|id| {
                let payload = self.whole(kind, id)?;
                JournalReader::open(&payload, decompressor)
                    .map_err(|why| SegmentError::Block { id, why })
            })
            .collect())
    }
}
