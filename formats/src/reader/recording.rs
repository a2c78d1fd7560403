//! The directory of segments, opened for reading.

use super::plan::Wanted;
use super::tail;
use super::timeline::Timeline;
use super::{Scan, ScanRequest};
use crate::block::{Block, Decompressor};
use crate::gap::{Gap, GapCause};
use crate::record::RecordView;
use crate::ring::{Lock, disk_bytes};
use crate::schema::Schema;
use crate::segment::{Access, SegmentError, SegmentReader, number_of};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such directory.
    #[error("there is no recording at {}", dir.display())]
    NoRecording {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds no segment.
    #[error("{} holds no segment of a recording", dir.display())]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system says no.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// Written by a newer nodemon.
    #[error("{} has format version {version}, this build reads up to {}", path.display(), crate::segment::FORMAT_VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Some bytes are not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        what: String,
    },
    /// No segment has a table of this name.
    #[error("the recording has no table {0}")]
    UnknownTable(String),
}

/// How a segment was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// A recorder writes it now.
    Active,
    /// Closed in good order.
    Sealed,
    /// Its recorder died; read through an overlay.
    Crashed,
    /// Its trees are damaged; what could be found in the file is read.
    Salvaged,
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentSummary {
    /// Its number; a later one has a larger number.
    pub number: u64,
    /// The file.
    pub path: PathBuf,
    /// Step of the tier, ns; 0 where rows are as the sources sent them.
    pub tier_ns: u64,
    /// Bytes it takes on disk.
    pub size_bytes: u64,
    /// How it was found.
    pub state: SegmentState,
    /// Name of the host.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Version of the recorder that wrote it.
    pub recorder_version: String,
    /// Wall time of the first and the last row, ns since the epoch, where it has rows.
    pub span: Option<(i64, i64)>,
    /// Number of blocks.
    pub blocks: u64,
}

/// One table over all segments.
#[derive(Clone, Debug)]
pub struct TableSummary {
    /// The newest schema.
    pub schema: Arc<Schema>,
    /// Wall time of the first and the last row, ns since the epoch.
    pub span: (i64, i64),
    /// Samples, or events.
    pub rows: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Bytes of its blocks.
    pub size_bytes: u64,
}

/// A gap, with wall times.
#[derive(Clone, Debug)]
pub struct WallGap {
    /// The gap as it was recorded.
    pub gap: Gap,
    /// Wall time of its start, ns since the epoch.
    pub from: i64,
    /// Wall time of its end.
    pub to: i64,
}

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
        read_error(&self.path, error)
    }

    /// Damage in this segment.
    pub fn damaged(&self, what: String) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), what }
    }
}

/// An opened recording: the state of the directory when it was opened. A segment that the recorder
/// deletes later stays readable until this is dropped.
pub struct Recording {
    dir: PathBuf,
    segments: Vec<Arc<OpenSegment>>,
    timeline: Arc<Timeline>,
    is_live: bool,
    problems: Vec<ReadError>,
}

impl Recording {
    /// Opens the recording in `dir`, or the one segment at that path.
    ///
    /// # Errors
    /// When there is no recording, it is empty, or the directory cannot be listed. A single
    /// segment that cannot be read is no error; see [`Recording::problems`].
    pub fn open(dir: &Path) -> Result<Recording, ReadError> {
        let paths = segment_paths(dir)?;
        if paths.is_empty() {
            return Err(ReadError::Empty { dir: dir.to_owned() });
        }
        let mut problems = Vec::new();
        let mut timeline = Timeline::default();
        let mut segments = Vec::new();
        for path in paths {
            match open_segment(&path) {
                Ok((reader, span_ns, damage)) => {
                    problems.extend(damage.map(|error| read_error(&path, error)));
                    let description = reader.description();
                    let last_ns = span_ns.map_or(description.created.from_ns, |(_, last)| last);
                    timeline.add(&description.boot_id, reader.clocks(), last_ns);
                    let boot = timeline.boot();
                    segments.push(Arc::new(OpenSegment {
                        reader,
                        path,
                        boot,
                        span_ns,
                        salvaged: OnceLock::new(),
                    }));
                }
                // The recorder needed the room between listing and opening.
                Err(SegmentError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => problems.push(read_error(&path, error)),
            }
        }
        if segments.is_empty()
            && let Some(first) = problems.pop()
        {
            return Err(first);
        }
        timeline.settle();
        let is_live = Lock::holder(dir).is_some();
        let timeline = Arc::new(timeline);
        Ok(Recording { dir: dir.to_owned(), segments, timeline, is_live, problems })
    }

    /// The directory (or file) it was opened from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether a recorder is writing it.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Segments that could not be read, and why.
    pub fn problems(&self) -> &[ReadError] {
        &self.problems
    }

    pub(super) fn open_segments(&self) -> &[Arc<OpenSegment>] {
        &self.segments
    }

    /// Its segments, oldest first.
    ///
    /// # Errors
    /// When the index of one cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentSummary>, ReadError> {
        let newest = self.segments.len().saturating_sub(1);
        self.segments
            .iter()
            .enumerate()
            .map(|(at, segment)| {
                let reader = &segment.reader;
                let description = reader.description();
                let mut blocks = 0;
                let view = reader.view().map_err(|error| segment.error(error))?;
                for (table, _) in reader.schemas() {
                    let entries = view.entries(*table, 0, u64::MAX);
                    blocks += entries.map_err(|error| segment.error(error))?.len() as u64;
                }
                Ok(SegmentSummary {
                    number: description.number,
                    path: segment.path.clone(),
                    tier_ns: description.tier_ns,
                    size_bytes: disk_bytes(&segment.path).unwrap_or(0),
                    state: match reader.access() {
                        Access::Direct if at == newest && self.is_live => SegmentState::Active,
                        Access::Direct => SegmentState::Sealed,
                        Access::Repaired => SegmentState::Crashed,
                        Access::Salvaged => SegmentState::Salvaged,
                    },
                    host: description.host.clone(),
                    boot_id: description.boot_id.clone(),
                    recorder_version: description.recorder_version.clone(),
                    span: segment.span_ns.map(|span| self.wall_span(segment, span)),
                    blocks,
                })
            })
            .collect()
    }

    fn wall_span(&self, segment: &OpenSegment, span: (u64, u64)) -> (i64, i64) {
        let wall = |at| self.timeline.wall_ns(segment.boot, at);
        (wall(span.0), wall(span.1))
    }

    /// The newest schema of a table. Cheaper than [`Recording::table`].
    pub fn schema(&self, name: &str) -> Option<Arc<Schema>> {
        self.segments.iter().rev().find_map(|segment| Some(segment.table(name)?.1))
    }

    /// The newest schemas of all tables, in the order in which the newest segment has them.
    pub fn schemas(&self) -> Vec<Arc<Schema>> {
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for (_, schema) in self.segments.iter().rev().flat_map(|segment| segment.reader.schemas()) {
            if schemas.iter().all(|known| known.name != schema.name) {
                schemas.push(schema.clone());
            }
        }
        schemas
    }

    /// Its tables, by name.
    ///
    /// # Errors
    /// When an index or the journal cannot be read.
    pub fn tables(&self) -> Result<Vec<TableSummary>, ReadError> {
        let mut tables = Vec::new();
        for schema in self.schemas() {
            tables.extend(self.table(&schema.name)?);
        }
        tables.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
        Ok(tables)
    }

    /// The table of that name, if it has rows.
    ///
    /// # Errors
    /// When an index or the journal cannot be read.
    pub fn table(&self, name: &str) -> Result<Option<TableSummary>, ReadError> {
        let Some(schema) = self.schema(name) else { return Ok(None) };
        let mut summary: Option<TableSummary> = None;
        for segment in &self.segments {
            let Some((number, schema_there)) = segment.table(name) else { continue };
            let error = |error| segment.error(error);
            let view = segment.reader.view().map_err(error)?;
            let mut add = |span: (u64, u64), rows: u64, blocks: u64, size_bytes: u64| {
                let span = self.wall_span(segment, span);
                let summary = summary.get_or_insert(TableSummary {
                    schema: schema.clone(),
                    span,
                    rows: 0,
                    blocks: 0,
                    size_bytes: 0,
                });
                summary.span.1 = span.1;
                summary.rows += rows;
                summary.blocks += blocks;
                summary.size_bytes += size_bytes;
            };
            for entry in view.entries(number, 0, u64::MAX).map_err(error)? {
                let size_bytes = u64::from(entry.size_bytes);
                add((entry.first_ns, entry.last_ns), u64::from(entry.rows), 1, size_bytes);
            }
            let tail =
                tail::block(segment.reader.access(), &view, number, &schema_there, &mut Vec::new());
            if let Some(made) = tail.map_err(error)? {
                let block = Block::open(&made, &schema_there, &mut Decompressor::default());
                let block = block
                    .map_err(|why| segment.error(SegmentError::Block { id: u64::MAX, why }))?;
                if let (Some(first), Some(last)) = (block.times().first(), block.times().last()) {
                    add((*first, *last), block.times().len() as u64, 0, 0);
                }
            }
        }
        Ok(summary)
    }

    /// Wall time of the first and the last row of any table, ns since the epoch.
    pub fn span(&self) -> Option<(i64, i64)> {
        let mut spans = self
            .segments
            .iter()
            .filter_map(|segment| Some(self.wall_span(segment, segment.span_ns?)));
        let first = spans.next()?;
        let last = spans.next_back().unwrap_or(first);
        Some((first.0, last.1))
    }

    /// Gaps that touch the span, of one table or of all, by time. A gap of every table touches
    /// each.
    ///
    /// # Errors
    /// When gaps cannot be read.
    pub fn gaps(&self, table: Option<&str>, from: i64, to: i64) -> Result<Vec<WallGap>, ReadError> {
        let mut gaps = Vec::new();
        let mut last_wall = None;
        for segment in &self.segments {
            let view = segment.reader.view().map_err(|error| segment.error(error))?;
            for gap in view.gaps().map_err(|error| segment.error(error))? {
                let of_table = table.is_none_or(|name| gap.table.is_empty() || gap.table == name);
                let span = self.wall_span(segment, (gap.from_ns, gap.to_ns));
                // A reboot begins where the boot before it ends.
                let begin = match (gap.cause, last_wall) {
                    (GapCause::Rebooted, Some(last)) => last,
                    (GapCause::Rebooted, None) => span.1,
                    _ => span.0,
                };
                if of_table && begin < to && span.1 >= from {
                    gaps.push(WallGap { gap, from: begin, to: span.1 });
                }
            }
            if let Some(span) = segment.span_ns {
                last_wall = Some(self.wall_span(segment, span).1);
            }
        }
        gaps.sort_by_key(|gap| (gap.from, gap.to));
        Ok(gaps)
    }

    /// Starts a scan. Items come in order of time.
    ///
    /// # Errors
    /// [`ReadError::UnknownTable`].
    pub fn scan(&self, request: ScanRequest) -> Result<Scan, ReadError> {
        let schema = self
            .schema(&request.table)
            .ok_or_else(|| ReadError::UnknownTable(request.table.clone()))?;
        let width = schema.row_width();
        let all = || (0..width).collect();
        let mut selected: Vec<usize> = request.columns.clone().unwrap_or_else(all);
        selected.retain(|column| *column < width);
        let wanted = Wanted { schema, selected, from: request.from, to: request.to };
        let touched = |segment: &&Arc<OpenSegment>| {
            segment.span_ns.is_some_and(|span| {
                let span = self.wall_span(segment, span);
                span.0 < request.to && span.1 >= request.from
            })
        };
        let segments = self.segments.iter().filter(touched).cloned().collect();
        Ok(Scan::new(segments, self.timeline.clone(), wanted, &request))
    }
}

fn segment_paths(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
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

fn read_error(path: &Path, error: SegmentError) -> ReadError {
    let path = path.to_owned();
    match error {
        SegmentError::Io(source) => ReadError::Io { path, source },
        SegmentError::Newer(version) => ReadError::Newer { path, version },
        error => ReadError::Damaged { path, what: error.to_string() },
    }
}
