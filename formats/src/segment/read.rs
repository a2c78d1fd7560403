//! Reads a segment, in whatever state it is.

use super::SegmentView;
use super::describe::{take_clock, take_description, take_schema};
use super::envelope::ChunkKind;
use super::error::{SegmentError, redb_error};
use super::guard::{Guarded, guarded};
use super::salvage::Salvage;
use super::trees::Trees;
use super::{CACHE_BYTES, SegmentDescription, open_regular};
use crate::clock::ClockOffset;
use crate::schema::Schema;
use redb::{Builder, ConcurrencyMode, ReadOnlyDatabase, ReadableDatabase};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// How the segment had to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As it is: closed in good order, or being written right now.
    Direct,
    /// Its recorder died; its last commit is read.
    Repaired,
    /// Searched for chunks: its trees are damaged.
    Salvaged,
}

enum Store {
    /// Read by its trees. What redb opened is there for its locks alone: while it lives, a recorder
    /// writes over no page that a view of it needs.
    Trees {
        file: Arc<File>,
        beside: Option<Guarded<ReadOnlyDatabase>>,
    },
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
        let file = Arc::new(open_regular(path)?);
        let beside = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
            builder.open_read_only(path).map_err(redb_error)
        });
        let beside = beside.ok().map(Guarded::new);
        let access = if beside.is_some() { Access::Direct } else { Access::Repaired };
        match SegmentReader::load(Store::Trees { file, beside }, access) {
            Err(error) if !matches!(error, SegmentError::Newer(_)) => SegmentReader::salvage(path),
            loaded => loaded,
        }
    }

    /// Opens the segment in the file at `path` by searching it for chunks.
    ///
    /// # Errors
    /// When its description is not among them.
    pub fn salvage(path: &Path) -> Result<SegmentReader, SegmentError> {
        let salvage = Salvage::search(open_regular(path)?)?;
        let newer = salvage.newer();
        let loaded = SegmentReader::load(Store::Salvage(Arc::new(salvage)), Access::Salvaged);
        match newer {
            // What is missing may be what this build cannot read.
            Some(version) => loaded.map_err(|_| SegmentError::Newer(u32::from(version))),
            None => loaded,
        }
    }

    fn load(store: Store, access: Access) -> Result<SegmentReader, SegmentError> {
        let view = store.view()?;
        let description = view.whole(ChunkKind::Description, 0)?;
        let damaged = |kind, id| move |why| SegmentError::Chunk { kind, id, why };
        let description =
            take_description(&description).map_err(damaged(ChunkKind::Description, 0))?;
        let mut schemas = Vec::new();
        for id in view.ids(ChunkKind::Schema)? {
            let schema = view
                .whole(ChunkKind::Schema, id)
                .and_then(|archive| take_schema(&archive).map_err(damaged(ChunkKind::Schema, id)));
            match schema {
                Ok(schema) => schemas.push((id as u32, Arc::new(schema))),
                // Where the file was searched, half a schema costs its table and no other.
                Err(_) if access == Access::Salvaged => {}
                Err(error) => return Err(error),
            }
        }
        let is_known = |table: &u32| schemas.iter().any(|(number, _)| number == table);
        if let Some(table) = view.tables()?.into_iter().find(|table| !is_known(table)) {
            return Err(SegmentError::Missing { kind: ChunkKind::Schema, id: u64::from(table) });
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

impl Store {
    fn view(&self) -> Result<SegmentView, SegmentError> {
        Ok(match self {
            Store::Trees { file, beside } => {
                let begin = |database: &Guarded<ReadOnlyDatabase>| {
                    database.with(|database| database.begin_read().map_err(redb_error))
                };
                // First the lock, then the newest commit: its pages stay as long as the lock does.
                let lock = beside.as_ref().map(begin).transpose()?.map(Guarded::new);
                SegmentView::Trees(Box::new(Trees::open(file.clone())?), lock)
            }
            Store::Salvage(salvage) => SegmentView::Salvage(salvage.clone()),
        })
    }
}
