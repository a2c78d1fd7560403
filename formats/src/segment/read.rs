//! Reads a segment, in whatever state it is.

use super::describe::{take_clock, take_description, take_gaps, take_schema};
use super::envelope::{ChunkKind, Envelope, EnvelopeError, chunk_key};
use super::guard::{Guarded, guarded};
use super::index::IndexEntry;
use super::overlay::Overlay;
use super::salvage::Salvage;
use super::{CACHE_BYTES, CHUNKS, INDEX, JournalReader, SegmentDescription};
use crate::block::{BlockError, Decompressor};
use crate::clock::ClockOffset;
use crate::gap::Gap;
use crate::schema::Schema;
use redb::{
    Builder, ConcurrencyMode, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable,
};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Why a segment, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// redb cannot make sense of the file, and no chunk could be found in it either.
    #[error("{0}")]
    Database(String),
    /// A chunk is damaged.
    #[error("{kind:?} {id}: {why}")]
    Chunk {
        /// What it held.
        kind: ChunkKind,
        /// Its number.
        id: u64,
        /// What is wrong.
        why: EnvelopeError,
    },
    /// A chunk is not there.
    #[error("{kind:?} {id} is missing")]
    Missing {
        /// What it held.
        kind: ChunkKind,
        /// Its number.
        id: u64,
    },
    /// A block is damaged inside.
    #[error("block {id}: {why}")]
    Block {
        /// Its number.
        id: u64,
        /// What is wrong.
        why: BlockError,
    },
    /// A newer nodemon wrote it.
    #[error("it has format version {0}")]
    Newer(u32),
}

/// How the segment had to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As it is: closed in good order, or being written right now.
    Direct,
    /// Repaired in memory: its recorder died.
    Repaired,
    /// Searched for chunks: its trees are damaged.
    Salvaged,
}

enum Store {
    Database(Guarded<Box<dyn ReadableDatabase + Send + Sync>>),
    Salvage(Arc<Salvage>),
}

/// An opened segment.
pub struct SegmentReader {
    store: Store,
    access: Access,
    description: SegmentDescription,
    schemas: Vec<(u32, Arc<Schema>)>,
    clocks: Vec<ClockOffset>,
}

impl SegmentReader {
    /// Opens the segment in the file at `path`. Nothing is written to the medium.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn open(path: &Path) -> Result<SegmentReader, SegmentError> {
        let direct = guarded(|| {
            Ok(Builder::new()
                .set_cache_size(CACHE_BYTES)
                .set_concurrency_mode(ConcurrencyMode::SingleWriter)
                .open_read_only(path))
        });
        let (store, access) = match direct {
            Ok(Ok(database)) => (Store::Database(Guarded::new(Box::new(database))), Access::Direct),
            Ok(Err(DatabaseError::Storage(redb::StorageError::Io(error))))
                if error.kind() != io::ErrorKind::InvalidData && error.raw_os_error().is_some() =>
            {
                return Err(error.into());
            }
            _ => open_repaired(path)?,
        };
        match SegmentReader::load(store, access) {
            Err(error)
                if access != Access::Salvaged && !matches!(error, SegmentError::Newer(_)) =>
            {
                SegmentReader::salvage(path)
            }
            loaded => loaded,
        }
    }

    /// Opens the segment in the file at `path` by searching it for chunks.
    ///
    /// # Errors
    /// When its description is not among them.
    pub fn salvage(path: &Path) -> Result<SegmentReader, SegmentError> {
        let salvage = Salvage::search(File::open(path)?)?;
        SegmentReader::load(Store::Salvage(Arc::new(salvage)), Access::Salvaged)
    }

    fn load(store: Store, access: Access) -> Result<SegmentReader, SegmentError> {
        let view = store.view()?;
        let description = view.whole(ChunkKind::Description, 0)?;
        let damaged = |kind, id| move |why| SegmentError::Chunk { kind, id, why };
        let description =
            take_description(&description).map_err(damaged(ChunkKind::Description, 0))?;
        let mut schemas = Vec::new();
        for id in view.ids(ChunkKind::Schema)? {
            let archive = view.whole(ChunkKind::Schema, id)?;
            let schema = take_schema(&archive).map_err(damaged(ChunkKind::Schema, id))?;
            schemas.push((id as u32, Arc::new(schema)));
        }
        let mut clocks = vec![description.created];
        for id in view.ids(ChunkKind::Clock)? {
            let archive = view.whole(ChunkKind::Clock, id)?;
            clocks.push(take_clock(&archive).map_err(damaged(ChunkKind::Clock, id))?);
        }
        drop(view);
        Ok(SegmentReader { store, access, description, schemas, clocks })
    }

    /// How it had to be opened.
    pub fn access(&self) -> Access {
        self.access
    }

    /// What it says of itself.
    pub fn description(&self) -> &SegmentDescription {
        &self.description
    }

    /// The schemas of its tables by number.
    pub fn schemas(&self) -> &[(u32, Arc<Schema>)] {
        &self.schemas
    }

    /// The clock offsets that held, oldest first.
    pub fn clocks(&self) -> &[ClockOffset] {
        &self.clocks
    }

    /// The state as it is now. In a segment that is being written, what one view shows is all of
    /// one commit.
    ///
    /// # Errors
    /// What the disk or redb says.
    pub fn view(&self) -> Result<SegmentView, SegmentError> {
        self.store.view()
    }
}

fn open_repaired(path: &Path) -> Result<(Store, Access), SegmentError> {
    let file = File::open(path)?;
    let overlay = Overlay::new(file)?;
    let repaired = guarded(|| {
        let mut builder = Builder::new();
        let database = builder.set_cache_size(CACHE_BYTES).create_with_backend(overlay);
        database.map_err(redb_error)
    });
    match repaired {
        Ok(database) => Ok((Store::Database(Guarded::new(Box::new(database))), Access::Repaired)),
        Err(_) => {
            let salvage = Salvage::search(File::open(path)?)?;
            Ok((Store::Salvage(Arc::new(salvage)), Access::Salvaged))
        }
    }
}

impl Store {
    fn view(&self) -> Result<SegmentView, SegmentError> {
        Ok(match self {
            Store::Database(database) => SegmentView::Database(Guarded::new(
                database.with(|database| database.begin_read().map_err(redb_error))?,
            )),
            Store::Salvage(salvage) => SegmentView::Salvage(salvage.clone()),
        })
    }
}

fn redb_error(error: impl Into<redb::Error>) -> SegmentError {
    match error.into() {
        redb::Error::Io(error) => SegmentError::Io(error),
        error => SegmentError::Database(error.to_string()),
    }
}

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
                let index = match transaction.open_table(INDEX) {
                    Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
                    index => index.map_err(redb_error)?,
                };
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
        entries.retain(|entry| entry.last_ns >= first_ns);
        Ok(entries)
    }

    /// The first and the last index entry of a table.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn ends(&self, table: u32) -> Result<Option<(IndexEntry, IndexEntry)>, SegmentError> {
        let all = (table, 0, 0)..=(table, u64::MAX, u64::MAX);
        match self {
            SegmentView::Database(transaction) => transaction.with(|transaction| {
                let index = match transaction.open_table(INDEX) {
                    Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                    index => index.map_err(redb_error)?,
                };
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
