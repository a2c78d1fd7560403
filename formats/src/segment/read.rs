//! Reads a segment, in whatever state it is.

use super::SegmentView;
use super::describe::take_clock;
use super::envelope::ChunkKind;
use super::error::{SegmentError, redb_error};
use super::guard::{Guarded, guarded};
use super::salvage::{Effort, Salvage};
use super::schemas;
use super::trees::{Trees, roots_are_small};
use super::{CACHE_BYTES, SegmentDescription, open_regular};
use crate::clock::ClockOffset;
use crate::schema::Schema;
use redb::{Builder, ConcurrencyMode, ReadOnlyDatabase, ReadableDatabase};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Clock offsets that are read of a segment: one is written when the clock moves by 200 us.
const MOST_CLOCKS: usize = 1 << 16;

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
        most_page_bytes: u64,
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
    /// What was damaged and is read all the same.
    damage: Option<SegmentError>,
}

impl SegmentReader {
    /// Opens the segment in the file at `path`. Nothing is written to the medium.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn open(path: &Path) -> Result<SegmentReader, SegmentError> {
        SegmentReader::open_with(path, &Effort::default())
    }

    /// The same, with so much effort where it is damaged.
    ///
    /// # Errors
    /// As [`SegmentReader::open`].
    pub fn open_with(path: &Path, effort: &Effort) -> Result<SegmentReader, SegmentError> {
        let file = Arc::new(open_regular(path)?);
        let beside = guarded(|| {
            if !roots_are_small(&file)? {
                return Err(SegmentError::Database("its header is damaged".into()));
            }
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
            builder.open_read_only(path).map_err(redb_error)
        });
        let beside = beside.ok().map(Guarded::new);
        let most_page_bytes = effort.most_bytes / 2;
        let access = if beside.is_some() { Access::Direct } else { Access::Repaired };
        match SegmentReader::load(Store::Trees { file, beside, most_page_bytes }, access) {
            Err(error) if !matches!(error, SegmentError::Newer(_)) => {
                let mut salvaged = SegmentReader::salvage_with(path, effort)?;
                salvaged.damage = Some(error);
                Ok(salvaged)
            }
            loaded => loaded,
        }
    }

    /// Opens the segment in the file at `path` by searching it for chunks.
    ///
    /// # Errors
    /// When its description is not among them.
    pub fn salvage(path: &Path) -> Result<SegmentReader, SegmentError> {
        SegmentReader::salvage_with(path, &Effort::default())
    }

    fn salvage_with(path: &Path, effort: &Effort) -> Result<SegmentReader, SegmentError> {
        let salvage = Salvage::search(open_regular(path)?, effort)?;
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
        let (description, mut damage) = schemas::description(&view)?;
        let (schemas, damage_of_schemas) = schemas::read(&view, access == Access::Salvaged)?;
        if let SegmentView::Trees(trees, _) = &view {
            damage = trees.damage().or(damage);
        }
        damage = damage.or(damage_of_schemas);
        let is_known = |table: &u32| schemas.iter().any(|(number, _)| number == table);
        if let Some(table) = view.tables()?.into_iter().find(|table| !is_known(table)) {
            return Err(SegmentError::Missing { kind: ChunkKind::Schema, id: u64::from(table) });
        }
        let mut clocks = vec![description.created];
        let damaged = |kind, id| move |why| SegmentError::Chunk { kind, id, why };
        for id in view.ids(ChunkKind::Clock)?.into_iter().take(MOST_CLOCKS) {
            let archive = view.whole(ChunkKind::Clock, id)?;
            clocks.push(take_clock(&archive).map_err(damaged(ChunkKind::Clock, id))?);
        }
        drop(view);
        Ok(SegmentReader { store, access, description, schemas, clocks, damage })
    }

    /// How it had to be opened.
    pub fn access(&self) -> Access {
        self.access
    }

    /// What was damaged and is read all the same, if anything was when it was opened.
    pub fn damage(&self) -> Option<&SegmentError> {
        self.damage.as_ref()
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
            Store::Trees { file, beside, most_page_bytes } => {
                let begin = |database: &Guarded<ReadOnlyDatabase>| {
                    database.with(|database| database.begin_read().map_err(redb_error))
                };
                // First the lock, then the newest commit: its pages stay as long as the lock does.
                let beside = beside.as_ref().filter(|_| roots_are_small(file).unwrap_or(false));
                let lock = beside.map(begin).transpose()?.map(Guarded::new);
                SegmentView::Trees(Box::new(Trees::open(file.clone(), *most_page_bytes)?), lock)
            }
            Store::Salvage(salvage) => SegmentView::Salvage(salvage.clone()),
        })
    }
}
