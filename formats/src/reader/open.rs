//! Opens the segments of a recording.

use super::{Part, ReadError};
use crate::block::{Block, Decompressor};
use crate::record::RecordView;
use crate::schema::Schema;
use crate::segment::{
    Access, ChunkKind, IndexEntry, SegmentError, SegmentReader, SegmentView, number_of,
};
use crate::writer::fine;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A segment that is open.
pub struct OpenSegment {
    /// Its reader.
    pub reader: SegmentReader,
    /// Its file.
    pub path: PathBuf,
    /// Whether it is of the ring of fine rows.
    pub is_fine: bool,
    /// Whether a pin keeps it.
    pub is_pinned: bool,
    /// Whether only a pin does: its ring has it no more.
    pub is_only_pinned: bool,
    /// The number of its boot within the recording.
    pub boot: usize,
    /// `CLOCK_BOOTTIME` ns of its first and last row, where it has rows.
    pub span_ns: Option<(u64, u64)>,
    /// The same of each table that has rows, by its number.
    pub table_spans_ns: BTreeMap<u32, (u64, u64)>,
    /// The same segment, searched for chunks: opened when a part of a tree turns out damaged.
    salvaged: OnceLock<Option<SegmentReader>>,
}

impl OpenSegment {
    /// A segment that was opened; of the boot of this number.
    pub fn new(path: PathBuf, (reader, spans): (SegmentReader, Spans), boot: usize) -> OpenSegment {
        let first = spans.values().map(|span| span.0).min();
        let last = spans.values().map(|span| span.1).max();
        OpenSegment {
            reader,
            path,
            is_fine: false,
            is_pinned: false,
            is_only_pinned: false,
            boot,
            span_ns: first.zip(last),
            table_spans_ns: spans,
            salvaged: OnceLock::new(),
        }
    }

    /// The number and the schema of a table.
    pub fn table(&self, name: &str) -> Option<(u32, Arc<Schema>)> {
        let found = self.reader.schemas().iter().rev().find(|(_, schema)| schema.name == name);
        found.map(|(number, schema)| (*number, schema.clone()))
    }

    /// Whether it is the one that was written after `before`, as their numbers say.
    pub fn follows(&self, before: &OpenSegment) -> bool {
        let number = |segment: &OpenSegment| segment.reader.description().number;
        number(self) == number(before).wrapping_add(1)
    }

    /// Whether the ring has overwritten what was between `before` and this: only pins keep anything
    /// that is older than what a ring has deleted.
    pub fn is_behind_hole(&self, before: &OpenSegment) -> bool {
        before.is_only_pinned && !self.follows(before)
    }

    /// Whether it has rows of tables that are sampled more often than once a second.
    pub fn has_fine_rows(&self) -> bool {
        let is_fine = |(number, schema): &(u32, Arc<Schema>)| {
            fine::is_fine(schema) && self.table_spans_ns.contains_key(number)
        };
        self.reader.schemas().iter().any(is_fine)
    }

    /// The segment as a search of its file sees it; `None` where even that does not help.
    pub fn salvaged(&self) -> Option<&SegmentReader> {
        if self.reader.access() == Access::Salvaged {
            return None;
        }
        self.salvaged.get_or_init(|| SegmentReader::salvage(&self.path).ok()).as_ref()
    }

    /// An error of this segment.
    pub fn error(&self, error: SegmentError) -> ReadError {
        ReadError::from_segment(&self.path, error)
    }

    /// Damage in this segment.
    pub fn damaged(&self, what: String) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), part: Part::Whole, what }
    }
}

/// The segments in a directory, oldest first, or the one segment at that path.
///
/// # Errors
/// When there is no directory, or it cannot be listed.
pub fn segment_paths(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::NoRecording { dir: dir.to_owned() },
        _ => ReadError::Io { path: dir.to_owned(), source },
    };
    if std::fs::metadata(dir).map_err(error)?.is_file() {
        return Ok(vec![dir.to_owned()]);
    }
    let mut numbered = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(error)? {
        let entry = entry.map_err(error)?;
        if let Some(number) = number_of(&entry.file_name().to_string_lossy()) {
            numbered.push((number, entry.path()));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// The same in a directory that need not be there.
///
/// # Errors
/// When it cannot be listed.
pub fn segment_paths_if_any(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    match segment_paths(dir) {
        Err(ReadError::NoRecording { .. }) => Ok(Vec::new()),
        found => found,
    }
}

/// Times of the first and the last row of tables, by their number.
pub type Spans = BTreeMap<u32, (u64, u64)>;

/// A reader, the spans of its rows, and the damage that was found and worked around.
pub type Opened = (SegmentReader, Spans, Option<SegmentError>);

/// Opens a segment; where its trees turn out to be damaged, by searching the file.
pub fn open_segment(path: &Path) -> Result<Opened, SegmentError> {
    let mut reader = SegmentReader::open(path)?;
    let mut spans = spans_of(&reader);
    // What opening saw is a commit older than what spans are of; a table may have come with it.
    if matches!(spans, Err(SegmentError::Missing { kind: ChunkKind::Schema, .. })) {
        reader = SegmentReader::open(path)?;
        spans = spans_of(&reader);
    }
    match spans {
        Ok(spans) => {
            // Whatever it was, told once: what was found instead is read.
            let damage = reader.damage().map(|damage| SegmentError::Database(damage.to_string()));
            Ok((reader, spans, damage))
        }
        Err(damage) => {
            let reader = SegmentReader::salvage(path)?;
            let spans = spans_of(&reader)?;
            Ok((reader, spans, Some(damage)))
        }
    }
}

/// A segment whose rows span more than this is a rare one, or its index lies, and a replay of it
/// would never end: 40 days. It is asked only then, for it takes reading two blocks.
const LONG_NS: u64 = 40 * 86_400 * 1_000_000_000;

/// Whether the entry speaks of the block that it names, which must be whole.
fn is_true(view: &SegmentView, schema: &Schema, entry: &IndexEntry) -> bool {
    let Ok(bytes) = view.block(entry.id) else { return false };
    let block = Block::open(&bytes, schema, &mut Decompressor::default());
    block.is_ok_and(|block| entry.is_of(block.header(), block.times()))
}

/// The time of the first and the last row of each table, those in the journal included.
fn spans_of(reader: &SegmentReader) -> Result<Spans, SegmentError> {
    let view = reader.view()?;
    let mut spans = Spans::new();
    let mut widen = |table: u32, first: u64, last: u64| {
        let span = spans.entry(table).or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
    };
    for (table, schema) in reader.schemas() {
        if let Some((first, last)) = view.ends(*table)? {
            if last.last_ns - first.first_ns.min(last.last_ns) > LONG_NS {
                let is_true = |entry| is_true(&view, schema, entry);
                if !is_true(&first) || !is_true(&last) {
                    return Err(SegmentError::Database(
                        "its index is not that of its blocks".into(),
                    ));
                }
            }
            widen(*table, first.first_ns, last.last_ns);
        }
    }
    let mut missing = None;
    view.journal(|record| {
        let Ok((table, _, record)) = record else { return };
        let schema = reader.schemas().iter().find(|(number, _)| *number == table);
        let Some((_, schema)) = schema else {
            missing = Some(table);
            return;
        };
        let view = RecordView::access(record, schema.row_width(), schema.key_width());
        if let Ok(view) = view
            && let (Some(first), Some(last)) = (view.times().first(), view.times().last())
        {
            widen(table, first.to_native(), last.to_native());
        }
    })?;
    match missing {
        // What a search did not find is told as damage of the segment.
        Some(table) if reader.access() != Access::Salvaged => {
            Err(SegmentError::Missing { kind: ChunkKind::Schema, id: u64::from(table) })
        }
        _ => Ok(spans),
    }
}
