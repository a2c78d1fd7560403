//! Reads a segment, in whatever state it is.

use super::SegmentView;
use super::describe::{take_clock, take_description, take_schema};
use super::envelope::ChunkKind;
use super::error::{SegmentError, redb_error};
use super::guard::{Guarded, guarded};
use super::overlay::Overlay;
use super::salvage::Salvage;
use super::{CACHE_BYTES, SegmentDescription};
use crate::clock::ClockOffset;
use crate::schema::Schema;
use redb::{Builder, ConcurrencyMode, DatabaseError, ReadableDatabase};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

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
