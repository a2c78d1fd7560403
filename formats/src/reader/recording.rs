//! The directory of segments, opened for reading.

use super::open::{OpenSegment, segment_paths, segment_paths_if_any};
use super::opening::Opening;
use super::tail;
use super::timeline::Timeline;
use super::{ReadError, SegmentState, SegmentSummary, TableSummary};
use crate::block::{Block, Decompressor};
use crate::pin;
use crate::ring::{Lock, disk_bytes};
use crate::schema::Schema;
use crate::segment::{Access, IndexEntry, SegmentError, SegmentReader};
use crate::writer::{fine, tier};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An opened recording: the state of the directory when it was opened. A segment that the recorder
/// deletes later stays readable until this is dropped.
pub struct Recording {
    dir: PathBuf,
    /// Those with rows as the sources sent them, fine or not, by when their rows begin.
    segments: Vec<Arc<OpenSegment>>,
    /// Segments of each tier, the coarsest tier first.
    tiers: Vec<Vec<Arc<OpenSegment>>>,
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
        let mut opening = Opening::default();
        let raw = segment_paths(dir)?;
        let pinned = pin::directory(dir);
        // Links are not followed: what they name belongs to somebody else.
        let pins_of = |ring: &Path| match pinned.as_ref().map(|pinned| pinned.join(ring)) {
            Some(dir) if dir.symlink_metadata().is_ok_and(|found| found.is_dir()) => {
                segment_paths_if_any(&dir)
            }
            _ => Ok(Vec::new()),
        };
        // The coarsest tier reaches back furthest, so it knows the oldest boots.
        let mut tiers = Vec::new();
        let dirs: Vec<&Path> = pinned.iter().map(PathBuf::as_path).chain([dir]).collect();
        for tier in tier::dir::names(&dirs) {
            let paths = segment_paths_if_any(&dir.join(&tier))?;
            tiers.push(opening.open(paths, pins_of(&tier)?, false));
        }
        tiers.retain(|tier| !tier.is_empty());
        let mut segments = opening.open(raw, pins_of(Path::new(""))?, false);
        let fine = match fine::existing(dir) {
            Some(fine) => segment_paths(&fine)?,
            None => Vec::new(),
        };
        let pinned_fine = pins_of(Path::new(fine::NAME))?;
        if !fine.is_empty() || !pinned_fine.is_empty() {
            let moved = opening.open(fine, pinned_fine, true);
            // What is still whole has its fine rows: they were moved since it was opened, or the
            // recorder ended while it moved them.
            let is_whole = |fine: &Arc<OpenSegment>| {
                let of = fine.reader.description();
                segments.iter().any(|all| all.has_fine_rows() && all.reader.description().is_of(of))
            };
            let moved: Vec<_> = moved.into_iter().filter(|fine| !is_whole(fine)).collect();
            segments.extend(moved);
        }
        let Opening { mut timeline, mut problems } = opening;
        if segments.is_empty() && tiers.is_empty() {
            return Err(problems.pop().unwrap_or(ReadError::Empty { dir: dir.to_owned() }));
        }
        timeline.settle();
        segments.sort_by_key(|segment| {
            let created_ns = segment.reader.description().created.from_ns;
            let first_ns = segment.span_ns.map_or(created_ns, |span| span.0);
            (timeline.rank(segment.boot), first_ns)
        });
        let is_live = Lock::holder(dir).is_some();
        let timeline = Arc::new(timeline);
        Ok(Recording { dir: dir.to_owned(), segments, tiers, timeline, is_live, problems })
    }

    /// The directory (or file) it was opened from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Name of the host that was recorded, as the newest segment has it.
    pub fn host(&self) -> &str {
        self.open_segments().last().map_or("", |segment| &segment.reader.description().host)
    }

    /// Whether a recorder is writing it.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Segments that could not be read, and why.
    pub fn problems(&self) -> &[ReadError] {
        &self.problems
    }

    /// Every segment: of the tiers, coarsest first, then those with rows as they were sent.
    pub(super) fn open_segments(&self) -> impl Iterator<Item = &Arc<OpenSegment>> {
        self.tiers.iter().flatten().chain(&self.segments)
    }

    /// The segments with rows as the sources sent them, oldest first.
    pub(super) fn raw(&self) -> &[Arc<OpenSegment>] {
        &self.segments
    }

    /// The segments of each tier, the coarsest tier first.
    pub(super) fn tiers(&self) -> &[Vec<Arc<OpenSegment>>] {
        &self.tiers
    }

    /// Its segments, oldest first: of the tiers, coarsest first, then those with rows as the
    /// sources sent them.
    ///
    /// # Errors
    /// When the index of one cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentSummary>, ReadError> {
        let of_tiers = self.tiers.iter().map(|tier| tier.last());
        let of_rows = self.segments.iter().rfind(|segment| !segment.is_fine);
        let newest = of_tiers.chain([of_rows]).flatten();
        let newest: Vec<&Path> = newest.map(|segment| segment.path.as_path()).collect();
        self.open_segments()
            .map(|segment| {
                let is_newest = newest.contains(&segment.path.as_path());
                self.summary_of(segment, self.is_live && is_newest)
            })
            .collect()
    }

    /// The index entries of a table in a segment: where a part of the index turns out damaged,
    /// those of the blocks that are found in the file.
    fn entries(segment: &OpenSegment, table: u32) -> Result<Vec<IndexEntry>, SegmentError> {
        let entries = |reader: &SegmentReader| reader.view()?.entries(table, 0, u64::MAX);
        match entries(&segment.reader) {
            Err(SegmentError::Io(error)) => Err(error.into()),
            Err(damage) => segment.salvaged().map_or(Err(damage), entries),
            found => found,
        }
    }

    fn summary_of(
        &self,
        segment: &OpenSegment,
        may_be_active: bool,
    ) -> Result<SegmentSummary, ReadError> {
        let reader = &segment.reader;
        let description = reader.description();
        let mut blocks = 0;
        for (table, _) in reader.schemas() {
            match Self::entries(segment, *table) {
                Ok(entries) => blocks += entries.len() as u64,
                Err(SegmentError::Io(error)) => return Err(segment.error(error.into())),
                // What is damaged is told by whoever reads the rows.
                Err(_) => {}
            }
        }
        Ok(SegmentSummary {
            number: description.number,
            path: segment.path.clone(),
            tier_ns: description.tier_ns,
            is_fine: segment.is_fine,
            is_pinned: segment.is_pinned,
            size_bytes: disk_bytes(&segment.path).unwrap_or(0),
            state: match reader.access() {
                Access::Direct if may_be_active => SegmentState::Active,
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
    }

    /// The wall times.
    pub(super) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// The wall times of a span of a segment.
    pub(super) fn wall_span(&self, segment: &OpenSegment, span: (u64, u64)) -> (i64, i64) {
        let wall = |at| self.timeline.wall_ns(segment.boot, at);
        (wall(span.0), wall(span.1))
    }

    /// The newest schema of a table. Cheaper than [`Recording::table`].
    pub fn schema(&self, name: &str) -> Option<Arc<Schema>> {
        self.schemas_newest_first().find(|schema| schema.name == name)
    }

    /// Schemas as the sources have them, also of tables that only a tier has left.
    fn schemas_newest_first(&self) -> impl Iterator<Item = Arc<Schema>> {
        let tiers = self.tiers.iter().rev().flat_map(|tier| tier.iter().rev());
        let segments = self.segments.iter().rev().chain(tiers);
        segments.flat_map(|segment| segment.reader.schemas()).map(|(_, schema)| {
            if schema.tier_ns > 0 {
                Arc::new(tier::schema::unrolled(schema))
            } else {
                schema.clone()
            }
        })
    }

    /// The newest schemas of all tables, in the order in which the newest segment has them.
    pub fn schemas(&self) -> Vec<Arc<Schema>> {
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for schema in self.schemas_newest_first() {
            if schemas.iter().all(|known| known.name != schema.name) {
                schemas.push(schema);
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
            match Self::entries(segment, number) {
                Ok(entries) => entries.iter().for_each(|entry| {
                    let size_bytes = u64::from(entry.size_bytes);
                    add((entry.first_ns, entry.last_ns), u64::from(entry.rows), 1, size_bytes);
                }),
                Err(SegmentError::Io(source)) => return Err(error(source.into())),
                // What is damaged is told by whoever reads the rows.
                Err(_) => {}
            }
            let tail =
                tail::block(segment.reader.access(), &view, number, &schema_there, &mut Vec::new());
            let Ok(Some(made)) = tail else { continue };
            let mut decompressor = Decompressor::default();
            if let Ok(block) = Block::open(&made, &schema_there, &mut decompressor)
                && let (Some(first), Some(last)) = (block.times().first(), block.times().last())
            {
                add((*first, *last), block.times().len() as u64, 0, 0);
            }
        }
        Ok(summary)
    }

    /// Wall time of the first and the last row of any table, ns since the epoch.
    pub fn span(&self) -> Option<(i64, i64)> {
        let spans = self
            .segments
            .iter()
            .filter_map(|segment| Some(self.wall_span(segment, segment.span_ns?)));
        spans.reduce(|all, span| (all.0.min(span.0), all.1.max(span.1)))
    }
}
