//! Writes tables into the ring of one directory: blocks, journal, commits, rotation.

use super::active_segment::Segment;
use super::options::segment_size_bytes;
use super::pending_gaps::{gaps_of_disk, put_gap};
use super::table::Table;
use super::tools::Tools;
use super::waiting_rows::largest_waiting;
use super::{Commit, WriteError, WriterOptions, WriterStats, create_dir};
use crate::block::{Piece, Window};
use crate::clock::ClockOffset;
use crate::gap::{Gap, GapCause};
use crate::memory::clear_and_shrink;
use crate::narrow::{count32, count32_of, index};
use crate::ring::{BoundedFile, Ring};
use crate::schema::Schema;
use crate::segment::{SegmentDescription, SegmentWriter};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a commit mostly takes on disk beyond its chunks: pages of the trees, headers of redb's
/// regions. Where it takes more, [`BoundedFile`] makes room.
const COMMIT_OVERHEAD_BYTES: u64 = 256 << 10;

/// A ring holds this many segments at least.
const LEAST_SEGMENTS: u64 = 4;

/// Writes tables into the ring of one directory.
pub struct RingWriter {
    options: WriterOptions,
    /// Step of the tier that is kept here, ns; 0 for rows as the sources sent them.
    tier_ns: u64,
    ring: Ring,
    /// The ring of fine rows, which begin here and are moved there when a segment is closed.
    fine: Option<Ring>,
    /// The segment that was closed last.
    closed: Option<PathBuf>,
    /// Gaps that are durable and that tiers are to have too; `None` where nobody takes them.
    for_tiers: Option<Vec<Gap>>,
    segment: Option<Segment>,
    tables: Vec<Table>,
    gaps: Vec<Gap>,
    /// Gaps that the current segment has.
    told: Vec<Gap>,
    /// Gaps of a segment that is gone, which the next one is to have.
    told_again: Vec<Gap>,
    /// The number of the newest segment that was made.
    last_number: u64,
    stats: WriterStats,
    disk_error: Option<String>,
}

impl RingWriter {
    /// Writes into `ring`, whose recording is locked.
    pub fn new(ring: Ring, options: WriterOptions, tier_ns: u64) -> RingWriter {
        RingWriter {
            options,
            tier_ns,
            ring,
            fine: None,
            closed: None,
            for_tiers: None,
            segment: None,
            tables: Vec::new(),
            gaps: Vec::new(),
            told: Vec::new(),
            told_again: Vec::new(),
            last_number: 0,
            stats: WriterStats::default(),
            disk_error: None,
        }
    }

    /// Sets the ring to which fine rows go from here, if there is one.
    pub fn set_fine(&mut self, fine: Option<Ring>) {
        // What is moved there keeps its number.
        let next = fine.as_ref().map_or(0, Ring::next_number);
        self.last_number = self.last_number.max(next.saturating_sub(1));
        self.fine = fine;
    }

    /// Numbers its segments behind this one: that number stands for another, which is pinned.
    pub fn begin_behind(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// The same, but what of its gaps is durable is kept for [`RingWriter::take_gaps`].
    pub fn with_gaps_for_tiers(self) -> RingWriter {
        RingWriter { for_tiers: Some(Vec::new()), ..self }
    }

    /// The gaps that were made durable since this was called last.
    pub fn take_gaps(&mut self) -> Vec<Gap> {
        self.for_tiers.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The segment that was closed since this was called last, if one was.
    pub fn take_closed(&mut self) -> Option<PathBuf> {
        self.closed.take()
    }

    /// The closed segments, the newest first.
    pub fn newest_first(&self) -> Vec<PathBuf> {
        self.ring.newest_first()
    }

    /// [`Ring::former_newest_first`]
    pub fn former_newest_first(&self, dir: &Path) -> Vec<PathBuf> {
        self.ring.former_newest_first(dir)
    }

    /// Its ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.ring.dir()
    }

    /// Makes a table known. Returns its number, which every record of it carries.
    pub fn add_table(&mut self, schema: Arc<Schema>) -> u32 {
        self.tables.push(Table::new(schema));
        count32(self.tables.len()) - 1
    }

    /// Has the rows of a table's blocks shown when they are durable.
    pub fn show_sealed(&mut self, number: u32) {
        if let Some(table) = self.tables.get_mut(number as usize) {
            table.is_shown = true;
        }
    }

    /// Takes a record in. Touches memory only.
    ///
    /// # Errors
    /// When the record is malformed: then nothing of it was taken.
    pub fn push(&mut self, record: &[u8]) -> Result<(), WriteError> {
        let number = crate::record::RecordView::schema_of(record).unwrap_or(u32::MAX);
        let table = self.tables.get_mut(number as usize).ok_or(WriteError::UnknownTable(number))?;
        self.stats.samples_in += table.push(record)?;
        Ok(())
    }

    /// Records a gap.
    pub fn gap(&mut self, gap: Gap) {
        put_gap(&mut self.gaps, gap);
    }

    /// Seals the blocks that are due, or all, and makes everything durable. `sealed` is shown the
    /// rows of each block of [`RingWriter::show_sealed`] once they are durable, and how many samples of them are: where the commit
    /// fails, those that the journal had before.
    ///
    /// # Errors
    /// [`WriteError::Disk`]: what was pushed since the last commit is dropped and will be a gap.
    pub fn commit(
        &mut self,
        close: bool,
        clock: ClockOffset,
        tools: &mut Tools,
        sealed: &mut dyn FnMut(u32, Piece<'_>, usize),
    ) -> Result<Commit, WriteError> {
        let result = self.try_commit(close, clock, tools, sealed);
        if let Err(error) = &result {
            self.fail(error.to_string(), sealed);
        }
        result
    }

    /// Whether anything was pushed since the last commit.
    pub fn is_waiting(&self) -> bool {
        !self.gaps.is_empty() || self.tables.iter().any(|table| table.undurable > 0)
    }

    fn try_commit(
        &mut self,
        close: bool,
        clock: ClockOffset,
        tools: &mut Tools,
        sealed: &mut dyn FnMut(u32, Piece<'_>, usize),
    ) -> Result<Commit, WriteError> {
        let mut commit = Commit::default();
        let deleted = self.ring.deleted();
        let is_anew = self.leave_lost_segment();
        let active = self.segment.as_ref().map(|segment| segment.writer.path());
        // A directory that cannot be listed now is no reason not to write.
        let _ = self.ring.look_again(active);
        self.open_segment(clock)?;
        tools.batch.clear();
        let Some(segment) = &mut self.segment else { return Ok(commit) };
        segment.note_clock(clock, &mut tools.batch);
        let seal_all = close || segment.is_full;
        let largest = largest_waiting(&self.tables, self.tier_ns > 0);
        let path = segment.writer.path().to_owned();
        for (number, table) in self.tables.iter_mut().enumerate() {
            if table.samples() == 0 {
                continue;
            }
            if !table.described {
                tools
                    .batch
                    .put_schema(count32(number), &table.schema)
                    .map_err(|error| disk_error("write", &path, error))?;
                table.described = true;
            }
            if seal_all || is_anew || table.is_due() || largest.contains(&number) {
                for (rows, records) in table.pieces() {
                    clear_and_shrink(&mut tools.block);
                    tools
                        .encoder
                        .encode(rows, &table.schema, count32(number), &mut tools.block)
                        .map_err(|error| disk_error("write", &path, error))?;
                    let (number, times) = (count32(number), &rows.times);
                    segment.put_block(number, times, records, &tools.block, &mut tools.batch);
                    commit.blocks += 1;
                }
                table.seal();
            }
        }
        segment.put_copies(&mut tools.batch).map_err(|error| disk_error("write", &path, error))?;
        segment
            .put_journal(
                &self.tables,
                tools.encoder.compressor(),
                &mut tools.block,
                &mut tools.batch,
            )
            .map_err(|error| disk_error("write", &path, error))?;
        segment.drop_covered(&self.tables, &mut tools.batch);
        let of_disk = gaps_of_disk(&self.tables, &self.disk_error);
        // What a tier loses are rows of its own, of which nobody knows how many samples they were.
        let is_tier = self.tier_ns > 0;
        let of_disk = of_disk.map(|gap| Gap { lost: if is_tier { 0 } else { gap.lost }, ..gap });
        let gaps: Vec<Gap> = self.gaps.iter().cloned().chain(of_disk).collect();
        let all: Vec<Gap> = self.told_again.iter().chain(&gaps).cloned().collect();
        segment
            .put_gaps(&all, tools.encoder.compressor(), &mut tools.batch)
            .map_err(|error| disk_error("write", &path, error))?;
        if !tools.batch.is_empty() {
            segment
                .note_limits(
                    self.ring.limits(),
                    self.fine.as_ref().map(Ring::limits),
                    &mut tools.batch,
                )
                .map_err(|error| disk_error("write", &path, error))?;
            make_room(
                &self.ring,
                segment,
                tools.batch.size_bytes() as u64 + COMMIT_OVERHEAD_BYTES,
            )?;
            segment
                .writer
                .commit(&tools.batch)
                .map_err(|error| disk_error("write", &path, error))?;
            segment.is_used = true;
        }
        if let Some(for_tiers) = &mut self.for_tiers {
            gaps.into_iter().for_each(|gap| put_gap(for_tiers, gap));
        }
        commit.bytes = tools.batch.size_bytes() as u64;
        commit.evicted = count32_of(self.ring.deleted() - deleted);
        self.committed(&mut commit, &mut tools.window, sealed);
        if seal_all {
            // What is lost by now is told in the next segment, now where there is no next commit.
            if self.leave_lost_segment() && close {
                return self.try_commit(close, clock, tools, sealed);
            }
            self.close_segment();
        } else {
            self.note_fullness()?;
        }
        Ok(commit)
    }

    /// Leaves a segment that was deleted, replaced or cut short, and notes what was lost with it.
    /// Returns whether there was one.
    fn leave_lost_segment(&mut self) -> bool {
        let Some(segment) = &self.segment else { return false };
        let Some(why) = segment.writer.lost_because() else { return false };
        let told = std::mem::take(&mut self.told);
        self.told_again.extend(told);
        for at in 0..self.tables.len() {
            let table = &mut self.tables[at];
            let name = table.schema.name.clone();
            let (stored, journaled) = table.segment_is_gone();
            let samples = stored.map_or(0, |stored| stored.samples);
            self.stats.samples_stored -= samples + journaled;
            self.stats.samples_lost += samples;
            if let Some(stored) = stored {
                self.gap(Gap {
                    table: name,
                    cause: GapCause::Disk,
                    from_ns: stored.from_ns,
                    to_ns: stored.to_ns,
                    lost: if self.tier_ns > 0 { 0 } else { stored.samples },
                    detail: why.to_owned(),
                });
            }
        }
        self.close_segment();
        true
    }

    /// Opens a segment where there is none.
    fn open_segment(&mut self, clock: ClockOffset) -> Result<(), WriteError> {
        if self.segment.is_some() {
            return Ok(());
        }
        create_dir(self.ring.dir())?;
        let room = self.ring.make_room(2 * COMMIT_OVERHEAD_BYTES);
        let dir = self.ring.dir().to_owned();
        room.map_err(|error| disk_error("delete a segment of", &dir, error))?;
        self.last_number = self.ring.next_number().max(self.last_number + 1);
        let description = SegmentDescription {
            number: self.last_number,
            host: self.options.host.clone(),
            boot_id: self.options.boot_id.clone(),
            recorder_version: self.options.recorder_version.clone(),
            tier_ns: self.tier_ns,
            created: clock,
        };
        let backend = |file| BoundedFile::new(file, self.ring.clone());
        let cache_bytes = self.ring.cache_bytes();
        let writer = SegmentWriter::create_over(&dir, &description, cache_bytes, backend)
            .map_err(|error| disk_error("create a segment in", &dir, error))?;
        self.segment = Some(Segment::new(writer, clock));
        Ok(())
    }

    fn committed(
        &mut self,
        commit: &mut Commit,
        window: &mut Window,
        sealed: &mut dyn FnMut(u32, Piece<'_>, usize),
    ) {
        for (number, table) in self.tables.iter_mut().enumerate() {
            if table.is_sealed() && table.is_shown {
                let show =
                    &mut |piece: Piece<'_>| sealed(count32(number), piece, piece.rows.samples());
                table.all_rows().for_each(|rows| window.pieces(rows, show));
            }
            commit.rows += table.committed();
            table.lost = None;
        }
        let told = self.told_again.drain(..).chain(self.gaps.drain(..));
        told.for_each(|gap| put_gap(&mut self.told, gap));
        self.disk_error = None;
        self.stats.samples_stored += commit.rows;
        self.stats.blocks += u64::from(commit.blocks);
        self.stats.bytes += commit.bytes;
    }

    /// After a segment is full, everything is sealed into it with the next commit, and a new one
    /// begins.
    fn note_fullness(&mut self) -> Result<(), WriteError> {
        let fine_bytes = self.fine.as_ref().map_or(0, Ring::share_bytes);
        let own_bytes = self.ring.share_bytes();
        let all_bytes = own_bytes.saturating_add(fine_bytes);
        // However much of it is fine, the ring must hold several while they are split.
        let limit = segment_size_bytes(all_bytes, self.options.segment_size_bytes);
        let limit = limit.min(own_bytes / LEAST_SEGMENTS);
        if let Some(segment) = &mut self.segment {
            let size = segment.writer.size_bytes();
            let path = segment.writer.path();
            let size = size.map_err(|error| disk_error("measure", path, error))?;
            segment.is_full = size >= limit;
        }
        Ok(())
    }

    fn close_segment(&mut self) {
        self.told.clear();
        if let Some(segment) = self.segment.take() {
            let path = segment.writer.path().to_owned();
            let is_used = segment.is_used;
            drop(segment);
            // A disk that fails for hours must not fill the ring with empty segments.
            let stays = is_used || std::fs::remove_file(&path).is_err();
            self.ring.end_active(stays.then_some(&path));
            if is_used && stays {
                self.closed = Some(path);
            }
        }
        self.tables.iter_mut().for_each(Table::new_segment);
    }

    /// What was pushed since the last commit is lost to this error.
    pub fn fail(&mut self, error: String, sealed: &mut dyn FnMut(u32, Piece<'_>, usize)) {
        for (number, table) in self.tables.iter_mut().enumerate() {
            let mut durable = table.samples().saturating_sub(table.undurable);
            let is_shown = table.is_shown && durable > 0;
            let show = &mut |piece: Piece<'_>| {
                let of_these = durable.min(piece.rows.samples() as u64);
                if of_these > 0 {
                    sealed(count32(number), piece, index(of_these));
                }
                durable -= of_these;
            };
            if is_shown {
                table.all_rows().for_each(|rows| Window::default().pieces(rows, show));
            }
            self.stats.samples_lost += table.failed();
        }
        self.disk_error.get_or_insert(error);
        self.close_segment();
    }

    /// Totals since the start.
    pub fn stats(&self) -> WriterStats {
        WriterStats { evicted: self.ring.deleted(), ..self.stats }
    }

    /// Changes the share of this ring. Deletes nothing.
    pub fn set_share_bytes(&self, share_bytes: u64) {
        self.ring.set_share_bytes(share_bytes);
    }

    /// Deletes what the rings have too much, after the bound of all was changed.
    ///
    /// # Errors
    /// [`WriteError::Disk`] when a segment cannot be deleted; the next commit tries again.
    pub fn make_room(&mut self) -> Result<(), WriteError> {
        let active = match &self.segment {
            Some(segment) => segment.writer.size_bytes(),
            None => Ok(0),
        };
        let room = active.and_then(|active| self.ring.make_room(active));
        room.map_err(|error| disk_error("delete a segment of", self.ring.dir(), error))?;
        Ok(())
    }
}

/// Deletes old segments until what a commit needs fits. A ring in which only the active segment is
/// left cannot make room: it is closed then, and the next commit deletes it.
fn make_room(ring: &Ring, segment: &Segment, needed_bytes: u64) -> Result<(), WriteError> {
    let path = segment.writer.path();
    let active = segment.writer.size_bytes().map_err(|error| disk_error("measure", path, error))?;
    let (_, fits) = ring
        .make_room(active + needed_bytes)
        .map_err(|error| disk_error("delete a segment of", ring.dir(), error))?;
    if fits {
        Ok(())
    } else {
        Err(disk_error("write", path, "one commit is larger than what the ring can hold"))
    }
}

pub fn disk_error(doing: &'static str, path: &Path, why: impl Display) -> WriteError {
    WriteError::Disk { doing, path: path.to_owned(), why: why.to_string() }
}
