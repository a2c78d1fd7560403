//! Opens the segments of a recording.

use super::ReadError;
use super::timeline::Timeline;
use crate::block::Decompressor;
use crate::record::RecordView;
use crate::schema::Schema;
use crate::segment::{Access, SegmentError, SegmentReader, number_of};
use crate::writer::tier;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A segment that is open.
pub struct OpenSegment {
    /// Its reader.
    pub reader: SegmentReader,
    /// Its file.
    pub path: PathBuf,
    /// The number of its boot within the recording.
    pub boot: usize,
    /// `CLOCK_BOOTTIME` ns of its first and last row, where it has rows.
    pub span_ns: Option<(u64, u64)>,
    /// The same segment, searched for chunks: opened when a part of a tree turns out damaged.
    salvaged: OnceLock<Option<SegmentReader>>,
}

impl OpenSegment {
    /// The number and the schema of a table.
    pub fn table(&self, name: &str) -> Option<(u32, Arc<Schema>)> {
        let found = self.reader.schemas().iter().rev().find(|(_, schema)| schema.name == name);
        found.map(|(number, schema)| (*number, schema.clone()))
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
        ReadError::of_segment(&self.path, error)
    }

    /// Damage in this segment.
    pub fn damaged(&self, what: String) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), what }
    }
}

/// What opening segments gathers.
#[derive(Default)]
pub struct Opening {
    /// Clock offsets of all segments.
    pub timeline: Timeline,
    /// What could not be read.
    pub problems: Vec<ReadError>,
}

impl Opening {
    /// Opens the segments in these files, oldest first.
    pub fn open(&mut self, paths: Vec<PathBuf>) -> Vec<Arc<OpenSegment>> {
        let mut segments = Vec::new();
        for path in paths {
            match open_segment(&path) {
                Ok((reader, span_ns, damage)) => {
                    let damage = damage.map(|error| ReadError::of_segment(&path, error));
                    self.problems.extend(damage);
                    let description = reader.description();
                    let last_ns = span_ns.map_or(description.created.from_ns, |(_, last)| last);
                    let boot = self.timeline.add(&description.boot_id, reader.clocks(), last_ns);
                    let salvaged = OnceLock::new();
                    segments.push(Arc::new(OpenSegment { reader, path, boot, span_ns, salvaged }));
                }
                // The recorder needed the room between listing and opening.
                Err(SegmentError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.problems.push(ReadError::of_segment(&path, error)),
            }
        }
        segments
    }
}

/// The directories of tiers, the coarsest first.
pub fn tier_dirs(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut tiers: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let step_s = tier::step_s_of(&entry.file_name().to_string_lossy())?;
            Some((step_s, entry.path()))
        })
        .collect();
    tiers.sort();
    tiers.into_iter().rev().map(|(_, path)| path).collect()
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

/// A reader, the span of its rows, and the damage that was found and worked around.
type Opened = (SegmentReader, Option<(u64, u64)>, Option<SegmentError>);

/// Opens a segment; where its trees turn out to be damaged, by searching the file.
fn open_segment(path: &Path) -> Result<Opened, SegmentError> {
    let reader = SegmentReader::open(path)?;
    match span_of(&reader) {
        Ok(span_ns) => {
            let damage = (reader.access() == Access::Salvaged)
                .then(|| SegmentError::Database("its trees are damaged".into()));
            Ok((reader, span_ns, damage))
        }
        Err(damage) => {
            let reader = SegmentReader::salvage(path)?;
            let span_ns = span_of(&reader)?;
            Ok((reader, span_ns, Some(damage)))
        }
    }
}

/// The time of the first and the last row of any table, those in the journal included.
fn span_of(reader: &SegmentReader) -> Result<Option<(u64, u64)>, SegmentError> {
    let view = reader.view()?;
    let mut span: Option<(u64, u64)> = None;
    let mut widen = |first: u64, last: u64| {
        let (low, high) = span.unwrap_or((first, last));
        span = Some((low.min(first), high.max(last)));
    };
    for (table, _) in reader.schemas() {
        if let Some((first, last)) = view.ends(*table)? {
            widen(first.first_ns, last.last_ns);
        }
    }
    for entry in view.journal(&mut Decompressor::default())?.iter().flatten() {
        for (table, _, record) in entry.records() {
            let schema = reader.schemas().iter().find(|(number, _)| *number == table);
            let Some((_, schema)) = schema else { continue };
            let view = RecordView::access(record, schema.row_width(), schema.key_width());
            if let Ok(view) = view
                && let (Some(first), Some(last)) = (view.times().first(), view.times().last())
            {
                widen(first.to_native(), last.to_native());
            }
        }
    }
    Ok(span)
}
