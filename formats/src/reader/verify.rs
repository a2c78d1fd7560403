//! Reads everything and verifies every checksum.

use super::Recording;
use super::open::OpenSegment;
use super::{ReadError, histograms, tail};
use crate::block::{Block, BlockError, Decompressor};
use crate::schema::Schema;
use crate::segment::{ChunkKind, SegmentError};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What was found in one segment.
#[derive(Debug)]
pub struct Verified {
    /// The file.
    pub path: PathBuf,
    /// Blocks that are whole.
    pub blocks: u64,
    /// Samples and events in them and in the journal.
    pub rows: u64,
    /// What is not as it was written.
    pub problems: Vec<ReadError>,
}

/// The outcome over all segments, and those that could not even be opened.
#[derive(Debug)]
pub enum Verdict {
    /// A segment was read through.
    Segment(Verified),
    /// A segment cannot be opened.
    Unreadable(ReadError),
}

impl Recording {
    /// Reads every block of every segment and verifies every checksum, a segment at a time.
    pub fn verify(&self) -> impl Iterator<Item = Verdict> + '_ {
        let unreadable = self.problems().iter().map(|problem| Verdict::Unreadable(problem.again()));
        let segments = self.open_segments();
        unreadable.chain(segments.map(|segment| Verdict::Segment(verify(segment))))
    }
}

fn verify(segment: &OpenSegment) -> Verified {
    let mut verified =
        Verified { path: segment.path.clone(), blocks: 0, rows: 0, problems: Vec::new() };
    if let Err(error) = verify_into(segment, &mut verified) {
        verified.problems.push(segment.error(error));
    }
    verified
}

fn verify_into(segment: &OpenSegment, verified: &mut Verified) -> Result<(), SegmentError> {
    let view = segment.reader.view()?;
    let mut decompressor = Decompressor::default();
    let problem = |error| segment.error(error);
    let mut unindexed: BTreeSet<u64> = view.ids(ChunkKind::Block)?.into_iter().collect();
    for (table, schema) in segment.reader.schemas() {
        let all: Vec<usize> = (0..schema.row_width()).collect();
        let mut problems = Vec::new();
        for entry in view.entries(*table, 0, u64::MAX)? {
            let id = entry.id;
            unindexed.remove(&id);
            let read = view.block(id).and_then(|bytes| {
                let damaged = |why| SegmentError::Block { id, why };
                let block = Block::open(&bytes, schema, &mut decompressor).map_err(damaged)?;
                let malformed = malformed(&block, schema, &all, &mut decompressor);
                problems.extend(malformed.map_err(damaged)?.into_iter().map(damaged));
                if !entry.is_of(block.header(), block.times()) {
                    return Err(damaged(BlockError::Layout("block against its index entry")));
                }
                Ok(block.times().len() as u64)
            });
            match read {
                Ok(rows) => {
                    verified.blocks += 1;
                    verified.rows += rows;
                }
                Err(error) => verified.problems.push(problem(error)),
            }
        }
        if let Some(made) =
            tail::block(segment.reader.access(), &view, *table, schema, &mut problems)?
        {
            let damaged = SegmentError::Tail;
            let block = Block::open(&made, schema, &mut decompressor).map_err(damaged)?;
            verified.rows += block.times().len() as u64;
            let malformed = malformed(&block, schema, &all, &mut decompressor);
            problems.extend(malformed.map_err(damaged)?.into_iter().map(damaged));
        }
        verified.problems.extend(problems.into_iter().map(problem));
    }
    verified.problems.extend(unindexed.into_iter().map(|id| problem(SegmentError::Unindexed(id))));
    let beside = view.gaps().1.into_iter().chain(view.copies().1);
    verified.problems.extend(beside.map(problem));
    Ok(())
}

/// Decodes the columns `all` of a block; what comes back are malformed histograms.
fn malformed(
    block: &Block<'_>,
    schema: &Schema,
    all: &[usize],
    decompressor: &mut Decompressor,
) -> Result<Vec<BlockError>, BlockError> {
    let mut decoded = block.columns(all, decompressor)?;
    let instances = (block.header().instances as usize).max(1);
    let columns = schema.row_columns().zip(decoded.chunks_mut(instances));
    let rows = 0..block.times().len();
    let check = |(column, cells)| histograms::check(column, cells, rows.clone(), block.strings());
    Ok(columns.filter_map(check).collect())
}

impl ReadError {
    /// The same error once more, to be told in another place.
    fn again(&self) -> ReadError {
        match self {
            ReadError::NoRecording { dir } => ReadError::NoRecording { dir: dir.clone() },
            ReadError::Empty { dir } => ReadError::Empty { dir: dir.clone() },
            ReadError::Io { path, source } => ReadError::Io {
                path: path.clone(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            },
            ReadError::Newer { path, version } => {
                ReadError::Newer { path: path.clone(), version: *version }
            }
            ReadError::Damaged { path, part, what } => {
                ReadError::Damaged { path: path.clone(), part: *part, what: what.clone() }
            }
            ReadError::UnknownTable(name) => ReadError::UnknownTable(name.clone()),
        }
    }
}
