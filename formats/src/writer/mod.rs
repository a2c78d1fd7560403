//! Turns records into blocks, blocks into segments, segments into a ring.

mod active_segment;
mod error;
pub(crate) mod fine;
mod options;
mod pending_gaps;
mod pins;
mod restart;
mod resumption;
mod ring_writer;
mod split;
mod table;
pub(crate) mod tier;
mod tools;
mod totals;
mod waiting_rows;

pub use error::WriteError;
pub use fine::FINE_BELOW_NS;
pub use options::{LEAST_RING_BYTES, TierOptions, WriterOptions};
pub use pins::PinEvent;
pub use resumption::Resumption;
pub use totals::{Commit, WriterStats};

use crate::block::Piece;
use crate::clock::ClockOffset;
use crate::gap::Gap;
use crate::narrow::{count32, count32_of};
use crate::pin;
use crate::record::RecordView;
use crate::ring::{Budget, Lock, LockError, Ring};
use crate::schema::Schema;
use pins::Pins;
use ring_writer::{RingWriter, disk_error};
use split::FineRing;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use tier::Tier;
use tools::Tools;

/// Segments that a run may have left without moving their fine rows: the one that it closed when it
/// ended, the one whose rows were being moved, and those that waited.
const MOST_LEFT: usize = 4;

/// Rows wait for their block for a minute or a few; clocks that were set more often than this
/// meanwhile are out of order anyway.
const MOST_CLOCKS: usize = 64;

/// After an hour without fine rows those of before are the first to go: whoever samples so fast no
/// more has the room for everything else.
const COMMITS_UNTIL_UNUSED: u32 = 3600;

/// Writes a recording.
pub struct RecordingWriter {
    options: WriterOptions,
    opened_ns: u64,
    clock: ClockOffset,
    /// Offsets of this run, oldest first, each known by when it began to hold.
    clocks: Vec<ClockOffset>,
    /// What all rings may take together.
    budget: Budget,
    raw: RingWriter,
    /// Rows of tables that are sampled more often than once a second, where these are kept apart.
    fine: Option<FineRing>,
    /// Commits since fine rows came.
    fine_missed: u32,
    tiers: Vec<Tier>,
    pins: Pins,
    tools: Tools,
    /// What each number stands for.
    schemas: Vec<Arc<Schema>>,
    /// Let go of last: what the others leave when they are dropped is this run's.
    lock: Lock,
}

impl RecordingWriter {
    /// Opens `dir` for writing, creating it where it is missing, takes its lock, and records the
    /// gap since the last run.
    ///
    /// # Errors
    /// [`WriteError::Locked`], [`WriteError::Disk`], [`WriteError::TooSmall`].
    pub fn open(dir: &Path, options: WriterOptions) -> Result<RecordingWriter, WriteError> {
        RecordingWriter::open_at(dir, options, ClockOffset::now())
    }

    /// As [`RecordingWriter::open`], at the time that `clock` begins.
    ///
    /// # Errors
    /// As [`RecordingWriter::open`].
    pub fn open_at(
        dir: &Path,
        options: WriterOptions,
        clock: ClockOffset,
    ) -> Result<RecordingWriter, WriteError> {
        let mut recording = RecordingWriter::open_without_gap(dir, options, clock)?;
        recording.tell_last_run();
        Ok(recording)
    }

    fn open_without_gap(
        dir: &Path,
        options: WriterOptions,
        clock: ClockOffset,
    ) -> Result<RecordingWriter, WriteError> {
        options.check()?;
        create_dir(dir)?;
        let lock = Lock::take(dir).map_err(|error| not_locked(dir, error))?;
        let budget = Budget::new(options.ring_size_bytes);
        budget.set_pin_bytes(options.pin_bytes());
        let pins = Pins::new(dir, &budget);
        let mut apart = vec![dir.join(pin::DIRECTORY)];
        let mut tiers = Vec::new();
        for tier in &options.tiers {
            let dir = dir.join(tier::dir::name(tier.step_ns));
            create_dir(&dir)?;
            tiers.push(Tier::open(&dir, &budget, &options, *tier)?);
            apart.push(dir);
        }
        let fine_dir = fine::dir_of(dir);
        let fine = match options.fine_size_bytes {
            0 => None,
            share => {
                apart.push(fine_dir.clone());
                let ring = Ring::open(&fine_dir, (&budget, share), &[], &[]);
                Some(ring.map_err(|error| disk_error("list", &fine_dir, error))?)
            }
        };
        let mut former = tier::dir::list(dir);
        former.extend(fine::existing(dir));
        former.retain(|dir| !apart.contains(dir));
        let ring = Ring::open(dir, (&budget, options.raw_size_bytes()), &apart, &former);
        let ring = ring.map_err(|error| disk_error("list", dir, error))?;
        let fine = fine.map(|fine| FineRing::new(fine, &ring));
        let opened_ns = clock.from_ns;
        let raw = RingWriter::new(ring, options.clone(), 0).with_gaps_for_tiers();
        let mut recording = RecordingWriter {
            options,
            lock,
            opened_ns,
            clock,
            clocks: Vec::new(),
            budget,
            raw,
            fine,
            fine_missed: 0,
            tiers,
            pins,
            tools: Tools::default(),
            schemas: Vec::new(),
        };
        recording.split_from_here();
        recording.pin_from_here();
        Ok(recording)
    }

    /// Has fine rows of what is recorded from now on moved to their ring, and of the segments that
    /// runs before closed last.
    fn split_from_here(&mut self) {
        let Some(fine) = &mut self.fine else { return };
        self.raw.set_fine(Some(fine.ring().clone()));
        let newest = self.raw.newest_first();
        newest.into_iter().take(MOST_LEFT).rev().for_each(|segment| fine.take(segment));
    }

    /// Keeps what is pinned, and leaves its numbers to it.
    fn pin_from_here(&mut self) {
        self.raw.begin_behind(self.pins.last_number(&["", fine::NAME]));
        for tier in &mut self.tiers {
            let name = tier.dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
            tier.begin_behind(self.pins.last_number(&[&name]));
        }
        let fine = self.fine.as_ref();
        self.pins.start(&|segment| fine.is_some_and(|fine| fine.is_pending(segment)));
    }

    /// What there is to tell of pins since this was called last.
    pub fn take_pin_events(&mut self) -> Vec<PinEvent> {
        self.pins.take_events()
    }

    /// Records the gap since the last run, and goes on with its clock.
    fn tell_last_run(&mut self) {
        let fine = match &self.fine {
            Some(fine) => fine.ring().newest_first(),
            // The last run may have kept fine rows apart, and have had nothing else.
            None => self.raw.former_newest_first(&fine::dir_of(self.raw.dir())),
        };
        let rings = [fine, self.raw.newest_first()];
        let last = restart::find(&rings, &self.options.boot_id, self.opened_ns);
        if let Some(last) = last {
            last.gaps.into_iter().for_each(|gap| self.raw.gap(gap));
            self.clock = last.clock.unwrap_or(self.clock);
        }
    }

    /// What it takes to go on with this recording after this writer was dropped half way.
    pub fn resumption(&self) -> Resumption {
        Resumption {
            dir: self.raw.dir().to_owned(),
            options: self.options.clone(),
            clock: self.clock,
            schemas: self.schemas.clone(),
        }
    }

    /// When it was opened, `CLOCK_BOOTTIME` ns: there the gap since the last run ends.
    pub fn opened_ns(&self) -> u64 {
        self.opened_ns
    }

    /// Makes a table known. Returns its number, which every record of it carries.
    ///
    /// A segment has one table of a name. So a table that is known under the same name, with
    /// another interval or other columns, ends the segment; an error of the disk becomes a gap, as
    /// with any commit.
    pub fn add_table(&mut self, schema: impl Into<Arc<Schema>>) -> u32 {
        let schema = schema.into();
        if let Some(number) = self.schemas.iter().rposition(|known| known.name == schema.name) {
            if self.schemas.get(number).is_some_and(|known| *known == schema) {
                return count32(number);
            }
            let _ = self.commit_and(true);
        }
        self.schemas.push(schema.clone());
        let is_kept =
            self.tiers.iter_mut().fold(false, |kept, tier| tier.add_table(&schema) | kept);
        let number = self.raw.add_table(schema);
        if is_kept {
            self.raw.show_sealed(number);
        }
        number
    }

    /// Takes a record in. Touches memory only.
    ///
    /// # Errors
    /// When the record is malformed: then nothing of it was taken.
    pub fn push(&mut self, record: &[u8]) -> Result<(), WriteError> {
        let number = RecordView::schema_of(record).unwrap_or(u32::MAX);
        if self.schemas.get(number as usize).is_some_and(|schema| fine::is_fine(schema)) {
            self.fine_missed = 0;
        }
        self.raw.push(record)
    }

    /// Records a gap.
    pub fn gap(&mut self, gap: Gap) {
        self.raw.gap(gap);
    }

    /// Seals the blocks that are due and makes everything durable. To be called once a second.
    ///
    /// # Errors
    /// [`WriteError::Disk`]: what was pushed since the last commit is dropped and will be a gap.
    /// The writer stays usable; the next call tries anew.
    pub fn commit(&mut self) -> Result<Commit, WriteError> {
        self.commit_and(false)
    }

    /// Seals everything and closes the recording.
    ///
    /// # Errors
    /// As [`RecordingWriter::commit`].
    pub fn close(mut self) -> Result<Commit, WriteError> {
        self.seal()
    }

    /// As [`RecordingWriter::commit`], but seals all blocks and closes the segment.
    ///
    /// # Errors
    /// As [`RecordingWriter::commit`].
    pub fn seal(&mut self) -> Result<Commit, WriteError> {
        self.commit_and(true)
    }

    fn commit_and(&mut self, close: bool) -> Result<Commit, WriteError> {
        let raw = self.commit_raw(close);
        // A ring that fails must not make the others gather rows without end.
        let clock = self.clock;
        let tools = &mut self.tools;
        let tiers: Vec<_> =
            self.tiers.iter_mut().map(|tier| tier.commit(close, clock, tools)).collect();
        let fine = self.fine.as_ref();
        // What is closed at the end stays until the next run, which begins with the links.
        if !close {
            self.pins.step(&|segment| fine.is_some_and(|fine| fine.is_pending(segment)));
        }
        let mut commit = raw?;
        for tier in tiers {
            commit.add(tier?);
        }
        Ok(commit)
    }

    /// Makes sure that the directory is there, and is this recorder's alone: somebody may have
    /// deleted or replaced it, or the lock in it.
    fn hold_dir(&mut self) -> Result<(), WriteError> {
        let dir = self.raw.dir().to_owned();
        create_dir(&dir)?;
        self.lock.renew(&dir).map_err(|error| not_locked(&dir, error))
    }

    /// Commits rows as the sources sent them, and hands them on to the tiers.
    fn commit_raw(&mut self, close: bool) -> Result<Commit, WriteError> {
        let held = self.hold_dir();
        let tiers = &mut self.tiers;
        self.clock = self.clock.renewed(ClockOffset::now());
        let clock = self.clock;
        if self.clocks.last().is_none_or(|last| last.offset_ns != clock.offset_ns) {
            if self.clocks.len() >= MOST_CLOCKS {
                self.clocks.remove(0);
            }
            self.clocks.push(clock);
        }
        let clocks = &self.clocks;
        let mut sealed = |number: u32, piece: Piece<'_>, samples: usize| {
            tiers.iter_mut().for_each(|tier| tier.add(number, piece, samples, clocks));
        };
        if let Err(error) = held {
            self.raw.fail(error.to_string(), &mut sealed);
            return Err(error);
        }
        let commit = self.raw.commit(close, clock, &mut self.tools, &mut sealed);
        for gap in self.raw.take_gaps() {
            self.tiers.iter_mut().for_each(|tier| tier.gap(&gap));
        }
        let evicted = self.move_fine_rows();
        let mut commit = commit?;
        commit.evicted += evicted;
        Ok(commit)
    }

    /// Moves some of the fine rows of closed segments to their ring. Returns how many segments went
    /// to make room for them.
    fn move_fine_rows(&mut self) -> u32 {
        let Some(fine) = self.fine.as_mut().filter(|_| self.options.fine_size_bytes > 0) else {
            return 0;
        };
        self.fine_missed = self.fine_missed.saturating_add(1);
        let is_unused = self.fine_missed > COMMITS_UNTIL_UNUSED;
        fine.ring().set_share_bytes(if is_unused { 0 } else { self.options.fine_size_bytes });
        let rings = [self.raw.ring(), fine.ring()].map(Ring::clone);
        let deleted = || rings.iter().map(Ring::deleted).sum::<u64>();
        let before = deleted();
        self.raw.take_closed().into_iter().for_each(|segment| fine.take(segment));
        fine.step();
        count32_of(deleted() - before)
    }

    /// Totals since the start; samples are those of the sources, blocks and bytes those of the
    /// tiers too.
    pub fn stats(&self) -> WriterStats {
        let mut stats = self.raw.stats();
        stats.evicted += self.fine.as_ref().map_or(0, |fine| fine.ring().deleted());
        for tier in self.tiers.iter().map(Tier::stats) {
            // Their samples are rows that are counted already.
            let WriterStats { blocks, bytes, evicted, .. } = tier;
            stats += WriterStats { blocks, bytes, evicted, ..WriterStats::default() };
        }
        stats
    }

    /// Changes the size of the ring; tiers keep their shares. See [`RecordingWriter::set_sizes`].
    ///
    /// # Errors
    /// As [`RecordingWriter::set_sizes`].
    pub fn set_ring_size(&mut self, size_bytes: u64) -> Result<(), WriteError> {
        self.set_sizes(&self.options.resized(size_bytes))
    }

    /// Changes the size of the ring and the shares of fine rows and of tiers to those of `sizes`;
    /// nothing else of it counts. What does not fit any more is deleted now. Before a ring becomes
    /// smaller everything is made durable and the segment is closed, which may be larger than what
    /// the ring can hold then; an error of the disk becomes a gap, as with any commit.
    ///
    /// # Errors
    /// [`WriteError::TooSmall`]; the old sizes stay then. [`WriteError::Disk`] when a segment cannot
    /// be deleted; the next commit tries again.
    pub fn set_sizes(&mut self, sizes: &WriterOptions) -> Result<(), WriteError> {
        sizes.check()?;
        let fine_size_bytes = if self.fine.is_some() { sizes.fine_size_bytes } else { 0 };
        let is_smaller = sizes.ring_size_bytes < self.options.ring_size_bytes;
        if is_smaller {
            let _ = self.commit_raw(true);
            // What it takes cannot be deleted to make room.
            self.fine.iter_mut().for_each(FineRing::pause);
        }
        self.options.ring_size_bytes = sizes.ring_size_bytes;
        self.options.fine_size_bytes = fine_size_bytes;
        self.options.pin_size_bytes = sizes.pin_size_bytes;
        for (own, tier) in self.options.tiers.iter_mut().zip(&self.tiers) {
            let same = sizes.tiers.iter().find(|other| other.step_ns == own.step_ns);
            own.size_bytes = same.map_or(LEAST_RING_BYTES, |tier| tier.size_bytes);
            tier.set_share_bytes(own.size_bytes);
        }
        if let Some(fine) = &mut self.fine {
            if fine_size_bytes == 0 {
                fine.stop();
            }
            fine.ring().set_share_bytes(fine_size_bytes);
            self.raw.set_fine((fine_size_bytes > 0).then(|| fine.ring().clone()));
        }
        self.raw.set_share_bytes(self.options.raw_size_bytes().max(LEAST_RING_BYTES));
        self.budget.set_pin_bytes(sizes.pin_bytes());
        self.budget.set_bound_bytes(sizes.ring_size_bytes);
        self.raw.make_room()
    }
}

/// Deletes what no pin of the recording in `dir` keeps any more. Where a recorder writes it, that
/// one does, and this does nothing.
///
/// # Errors
/// [`WriteError`].
pub fn release_pins(dir: &Path) -> Result<(), WriteError> {
    if Lock::holder(dir).is_some() || pin::directory(dir).is_none() {
        return Ok(());
    }
    let _lock = match Lock::take(dir) {
        Err(LockError::Held { .. }) => return Ok(()),
        lock => lock.map_err(|error| not_locked(dir, error))?,
    };
    Pins::new(dir, &Budget::default()).start(&|_| true);
    Ok(())
}

fn not_locked(dir: &Path, error: LockError) -> WriteError {
    match error {
        LockError::Held { pid } => WriteError::Locked { dir: dir.to_owned(), pid },
        LockError::Io(error) => disk_error("lock", dir, error),
    }
}

/// Creates a directory of the recording, for its owner alone.
fn create_dir(dir: &Path) -> Result<(), WriteError> {
    let mut builder = std::fs::DirBuilder::new();
    let created = builder.recursive(true).mode(0o700).create(dir);
    created.map_err(|error| disk_error("create", dir, error))
}
