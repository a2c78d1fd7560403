//! A segment that is being split into its fine rows and the others.

use super::error::SplitError;
use super::part::Part;
use crate::block::Compressor;
use crate::ring::Ring;
use crate::schema::Schema;
use crate::segment::SegmentError;
use crate::segment::{
    Access, ChunkKind, Effort, IndexEntry, SegmentDescription, SegmentReader, SegmentView,
    file_name,
};
use crate::writer::{create_dir, fine};
use std::collections::VecDeque;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a damaged segment is searched, which is then not split, and the memory that it may take.
const MOST_TIME: Duration = Duration::from_millis(100);
const MOST_BYTES: u64 = 64 << 20;

/// A segment that is being split.
pub struct Split {
    source: PathBuf,
    /// The file that was opened.
    opened: Metadata,
    view: SegmentView,
    /// Keeps what the view reads.
    _reader: SegmentReader,
    /// Tables whose blocks are not moved yet.
    tables: VecDeque<(u32, Arc<Schema>)>,
    /// Blocks of the table that is being moved, and whether they are fine.
    entries: VecDeque<IndexEntry>,
    is_fine: bool,
    /// Where the fine rows go in the end.
    fine_path: PathBuf,
    fine: Part,
    rest: Part,
}

impl Split {
    /// Begins to split the segment at `source`; `None` where it has no fine rows, or is one of a run
    /// that did not end in order: its last rows are in no block.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn begin(source: PathBuf, ring: &Ring, rest: &Ring) -> Result<Option<Split>, SplitError> {
        let opened = source.symlink_metadata()?;
        let reader = open(&source)?;
        let view = reader.view()?;
        let tables: VecDeque<_> = reader.schemas().iter().cloned().collect();
        let mut has_fine = false;
        for (table, _) in tables.iter().filter(|(_, schema)| fine::is_fine(schema)) {
            has_fine |= view.ends(*table)?.is_some();
        }
        let is_whole = reader.access() != Access::Salvaged && reader.damage().is_none();
        if !has_fine || !is_whole || !view.ids(ChunkKind::Journal)?.is_empty() {
            return Ok(None);
        }
        let description = reader.description();
        forget_copy(ring, description)?;
        // A build that numbered fine segments by themselves may have been there.
        if ring.next_number() > description.number {
            return Ok(None);
        }
        create_dir(ring.dir()).map_err(|_| SplitError::Gone)?;
        let fine_path = ring.dir().join(file_name(description.number));
        let clocks = reader.clocks();
        let fine = Part::create(&fine_path, description, clocks, ring)?;
        let rest = Part::create(&source, description, clocks, rest);
        let rest = match rest {
            Ok(rest) => rest,
            Err(error) => {
                fine.abandon();
                return Err(error);
            }
        };
        let entries = VecDeque::new();
        let is_fine = false;
        let mut split = Split {
            source,
            opened,
            view,
            _reader: reader,
            tables,
            entries,
            is_fine,
            fine_path,
            fine,
            rest,
        };
        match split.put_gaps() {
            Ok(()) => Ok(Some(split)),
            Err(error) => {
                split.fine.abandon();
                split.rest.abandon();
                Err(error)
            }
        }
    }

    fn put_gaps(&mut self) -> Result<(), SplitError> {
        let (gaps, problems) = self.view.gaps();
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem.into());
        }
        let Part { segment, batch, .. } = &mut self.rest;
        let put = segment.put_gaps(&gaps, &mut Compressor::default(), batch);
        put.map_err(|_| SplitError::OutOfMemory)
    }

    /// Moves about so many bytes of blocks, and takes off what it moved; whether nothing is left.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn step(&mut self, left_bytes: &mut usize) -> Result<bool, SplitError> {
        self.assert_there()?;
        while *left_bytes > 0 {
            if let Some(entry) = self.entries.pop_front() {
                let block = self.view.block(entry.id)?;
                let part = if self.is_fine { &mut self.fine } else { &mut self.rest };
                part.put_block(entry, &block)?;
                *left_bytes = left_bytes.saturating_sub(block.len());
                continue;
            }
            let Some((table, schema)) = self.tables.pop_front() else { return Ok(true) };
            self.entries = self.view.entries(table, 0, u64::MAX)?.into();
            self.is_fine = fine::is_fine(&schema);
            let part = if self.is_fine { &mut self.fine } else { &mut self.rest };
            if !self.entries.is_empty() {
                part.put_schema(table, &schema)?;
            }
        }
        Ok(false)
    }

    /// Puts both segments where they belong: first the fine rows, which are there twice then, and
    /// readers know that by when the segment was created; then what takes the place of the source.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn finish(mut self, ring: &Ring, rest: &Ring) -> Result<(), SplitError> {
        if let Err(error) = self.complete(ring, rest) {
            self.abandon(ring, rest);
            return Err(error);
        }
        let Split { fine, rest: part, source, fine_path, .. } = self;
        let moved = fine.put_in_place(&fine_path);
        ring.end_active(moved.is_ok().then_some(&*fine_path));
        let moved = match moved {
            Ok(()) => part.put_in_place(&source),
            Err(error) => {
                part.abandon();
                Err(error)
            }
        };
        rest.end_active(None);
        moved
    }

    fn complete(&mut self, ring: &Ring, rest: &Ring) -> Result<(), SplitError> {
        let Part { segment, batch, .. } = &mut self.fine;
        segment.note_limits(ring.limits(), None, batch).map_err(|_| SplitError::OutOfMemory)?;
        let Part { segment, batch, .. } = &mut self.rest;
        segment.note_limits(rest.limits(), None, batch).map_err(|_| SplitError::OutOfMemory)?;
        self.fine.commit()?;
        self.rest.commit()?;
        self.assert_there()
    }

    /// The room may have been needed meanwhile, or somebody deleted the source.
    fn assert_there(&self) -> Result<(), SplitError> {
        let there = self.source.symlink_metadata()?;
        let is_same = (there.dev(), there.ino()) == (self.opened.dev(), self.opened.ino());
        if is_same { Ok(()) } else { Err(SplitError::Gone) }
    }

    /// What is being split.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Deletes what was made of it.
    pub fn abandon(self, ring: &Ring, rest: &Ring) {
        self.fine.abandon();
        self.rest.abandon();
        ring.end_active(None);
        rest.end_active(None);
    }
}

/// Opens a segment, which another run may have left in any state.
fn open(path: &Path) -> Result<SegmentReader, SegmentError> {
    let until = Some(Instant::now() + MOST_TIME);
    SegmentReader::open_with(path, &Effort { until, most_bytes: MOST_BYTES })
}

/// Deletes the fine rows of this segment where they are there already: the run that moved them ended
/// before their source was replaced.
fn forget_copy(ring: &Ring, source: &SegmentDescription) -> Result<(), SplitError> {
    let Some(newest) = ring.newest_first().into_iter().next() else { return Ok(()) };
    let Ok(reader) = open(&newest) else { return Ok(()) };
    if reader.description().is_of(source) {
        drop(reader);
        std::fs::remove_file(newest)?;
        ring.look_anew()?;
    }
    Ok(())
}
