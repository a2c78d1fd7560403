//! Rollup tiers: what is left of the past when the rows themselves are gone.
//!
//! A tier is a ring of its own in a directory below the recording. Of each sample table that is
//! sampled faster than its step it keeps one row a step and instance, made from the rows as their
//! blocks are sealed: of counters the last value and the growth, of states the last value, of gauges
//! the last, smallest, largest and mean, of histograms the sum. Steps are aligned to the wall clock.

use super::ring_writer::{RingWriter, disk_error};
use super::tier_gauge::Gauge;
use super::tier_growth::{Grown, Growths, Key};
use super::tier_histogram::Merged;
use super::tier_last::LastValues;
use super::tier_schema::{is_counter, is_numeric_gauge, rolled_up};
use super::tools::Tools;
use super::{Commit, TierOptions, WriteError, WriterOptions, WriterStats};
use crate::block::{Piece, Rows};
use crate::clock::{ClockOffset, boottime_ns};
use crate::gap::{Gap, SCATTERED};
use crate::histogram::Histogram;
use crate::memory::clear_or_give_back;
use crate::narrow::low_half;
use crate::record::RecordBuilder;
use crate::ring::{Budget, Ring};
use crate::schema::{ColumnType, Schema, TableKind};
use rkyv::util::AlignedVec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A tier that is being written.
pub struct Tier {
    step_ns: u64,
    writer: RingWriter,
    /// By the number of the table; `None` for tables that this tier does not keep.
    tables: Vec<Option<Box<TierTable>>>,
    archive: AlignedVec,
    /// Commits of the rows since there was something to commit here.
    commits_waited: u32,
    /// Gaps that others of the same step may still be added to.
    gaps: Vec<Gap>,
}

/// Gaps that wait for others at most.
const MOST_GAPS: usize = 1000;

/// What comes into a tier is made durable with every so manieth commit of the rows, which are
/// durable already: a commit costs the same whether it brings a row or ten, and the one of the
/// seconds would double what the rows cost.
const COMMITS_TO_WAIT: u32 = 10;

/// What a record of a tier may have for its memory to be kept, bytes.
const LARGE_BYTES: usize = 256 << 10;

/// One table of a tier.
struct TierTable {
    number: u32,
    rolled: Arc<Schema>,
    /// Of its rows.
    schema: Arc<Schema>,
    /// Which of them are numeric gauges.
    gauges: Vec<usize>,
    /// Which of them are histograms.
    histograms: Vec<usize>,
    record: RecordBuilder,
    /// The step that is being gathered.
    step: i64,
    last_ns: u64,
    growths: Growths,
    /// Places in `gathered` by the key words of the instance, strings in full.
    instances: BTreeMap<Vec<Key>, usize>,
    gathered: Vec<Gathered>,
    /// The last values of these, what their gauges have come to, and what their counters have grown
    /// by, one instance after the other.
    last: LastValues,
    of_gauges: Vec<Gauge>,
    grown_by: Vec<Option<u64>>,
    /// Memory of histograms that is not in use.
    spare: Vec<Histogram>,
    /// The same places by the number that the rows at hand give the instance.
    places: Vec<usize>,
}

/// No step was begun.
const NO_STEP: i64 = i64::MIN;

/// No place yet.
const NOWHERE: usize = usize::MAX;

/// What one step of one instance has come to.
struct Gathered {
    samples: u64,
    /// The newest of its rows among those at hand; its last values are still to be taken.
    newest_row: Option<usize>,
    /// Its number among those whose growth is known, and what it has grown by.
    number: usize,
    grown: Grown,
    /// For each of the table's histograms what it has come to, if it was there.
    histograms: Vec<Option<Merged>>,
}

impl Tier {
    /// Opens the tier in `dir`, which exists.
    ///
    /// # Errors
    /// [`WriteError::Disk`].
    pub fn open(
        dir: &Path,
        budget: &Budget,
        options: &WriterOptions,
        tier: TierOptions,
    ) -> Result<Tier, WriteError> {
        let ring = Ring::open(dir, (budget, tier.size_bytes), &[], &[]);
        let ring = ring.map_err(|error| disk_error("list", dir, error))?;
        Ok(Tier {
            step_ns: tier.step_ns,
            writer: RingWriter::new(ring, options.clone(), tier.step_ns),
            tables: Vec::new(),
            archive: AlignedVec::new(),
            commits_waited: 0,
            gaps: Vec::new(),
        })
    }

    /// Makes a table known; tables must come in the order of their numbers. Returns whether it keeps it.
    pub fn add_table(&mut self, schema: &Arc<Schema>) -> bool {
        let kept = schema.kind == TableKind::Sample && schema.interval_ns < self.step_ns;
        let table = kept.then(|| {
            let rolled = Arc::new(rolled_up(schema, self.step_ns));
            Box::new(TierTable {
                record: RecordBuilder::new(&rolled),
                number: self.writer.add_table(rolled.clone()),
                rolled,
                gauges: (0..schema.values.len())
                    .filter(|at| is_numeric_gauge(&schema.values[*at]))
                    .collect(),
                histograms: (0..schema.values.len())
                    .filter(|at| schema.values[*at].kind == ColumnType::Histogram)
                    .collect(),
                growths: Growths::new(schema),
                schema: schema.clone(),
                step: NO_STEP,
                last_ns: 0,
                instances: BTreeMap::new(),
                gathered: Vec::new(),
                last: LastValues::default(),
                of_gauges: Vec::new(),
                grown_by: Vec::new(),
                spare: Vec::new(),
                places: Vec::new(),
            })
        });
        self.tables.push(table);
        kept
    }

    /// Adds the first `samples` of some rows of a block. `clocks` are the offsets from boot time to
    /// wall time, oldest first.
    pub fn add(&mut self, number: u32, piece: Piece<'_>, samples: usize, clocks: &[ClockOffset]) {
        let rows = piece.rows;
        let Some(Some(table)) = self.tables.get_mut(number as usize) else { return };
        let step_ns = self.step_ns.cast_signed();
        let mut start = 0;
        // The numbers of instances are the same in the whole block.
        if piece.is_first {
            table.places.clear();
            table.places.resize(rows.instances(), NOWHERE);
        }
        for (sample, &end) in rows.row_ends.iter().enumerate().take(samples) {
            let time = rows.times[sample];
            let offset_ns = offset_at(clocks, time);
            let step = offset_ns.saturating_add_unsigned(time).div_euclid(step_ns);
            if step != table.step {
                table.take_last_values(rows);
                table.end_step();
                table.step = step;
            }
            table.last_ns = time;
            for row in start..end as usize {
                table.gather(rows, row, time);
            }
            table.growths.end_sample(time);
            start = end as usize;
        }
        table.take_last_values(rows);
        if piece.is_last {
            table.growths.forget(rows.instances());
        }
        if table.record.samples() > 0
            && table.record.finish(table.number, &mut self.archive).is_ok()
        {
            // The record was made here, of this table; it cannot be malformed.
            let _ = self.writer.push(&self.archive);
            // A step of all processes is large, and comes once a minute.
            if self.archive.len() > LARGE_BYTES {
                self.archive = AlignedVec::new();
                table.record = RecordBuilder::new(&table.rolled);
            }
        }
    }

    /// Records a gap of the rows, which the tier outlives. Those of one table, cause and kind that are
    /// less than a step apart are one here.
    pub fn gap(&mut self, gap: &Gap) {
        let is_near = |known: &&mut Gap| {
            (&known.table, known.cause, known.kind()) == (&gap.table, gap.cause, gap.kind())
                && gap.from_ns <= known.to_ns.saturating_add(self.step_ns)
                && known.from_ns <= gap.to_ns.saturating_add(self.step_ns)
        };
        match self.gaps.iter_mut().rev().find(is_near) {
            Some(known) => {
                known.from_ns = known.from_ns.min(gap.from_ns);
                known.to_ns = known.to_ns.max(gap.to_ns);
                known.lost += gap.lost;
                if gap.detail == SCATTERED {
                    known.detail.clone_from(&gap.detail);
                }
            }
            None => self.gaps.push(gap.clone()),
        }
    }

    /// Passes on the gaps to which nothing more is added: those that began a step ago, or all.
    fn end_gaps(&mut self, all: bool) {
        if self.gaps.is_empty() {
            return;
        }
        let (now_ns, all) = (boottime_ns(), all || self.gaps.len() > MOST_GAPS);
        let is_old = |gap: &mut Gap| all || gap.from_ns.saturating_add(self.step_ns) <= now_ns;
        for gap in self.gaps.extract_if(.., is_old) {
            self.writer.gap(gap);
        }
    }

    /// Commits what steps have ended, and on closing the step that has not.
    ///
    /// # Errors
    /// [`WriteError::Disk`].
    pub fn commit(
        &mut self,
        close: bool,
        clock: ClockOffset,
        tools: &mut Tools,
    ) -> Result<Commit, WriteError> {
        if close {
            for table in self.tables.iter_mut().flatten() {
                table.end_step();
                if table.record.samples() > 0
                    && table.record.finish(table.number, &mut self.archive).is_ok()
                {
                    let _ = self.writer.push(&self.archive);
                }
            }
        }
        self.end_gaps(close);
        self.commits_waited += u32::from(self.writer.is_waiting());
        if close || self.commits_waited >= COMMITS_TO_WAIT {
            self.commits_waited = 0;
            let committed = self.writer.commit(close, clock, tools, &mut |_, _, _| ());
            // A block of a minute's processes is several times what a second takes, and comes
            // once a minute.
            if committed.as_ref().is_ok_and(|commit| commit.blocks > 0) {
                *tools = Tools::default();
            }
            committed
        } else {
            Ok(Commit::default())
        }
    }

    /// Changes the share of this ring. Deletes nothing.
    pub fn set_share_bytes(&self, share_bytes: u64) {
        self.writer.set_share_bytes(share_bytes);
    }

    /// Totals since the start.
    pub fn stats(&self) -> WriterStats {
        self.writer.stats()
    }
}

impl TierTable {
    /// Adds one row of the step. Counters and states are left to [`TierTable::take_last_values`]:
    /// of a thousand rows only the last one counts.
    fn gather(&mut self, rows: &Rows, row: usize, time_ns: u64) {
        let instance = rows.rows[row] as usize;
        let place = match self.places[instance] {
            NOWHERE => self.find_place(rows, instance),
            place => place,
        };
        let gathered = &mut self.gathered[place];
        gathered.samples += 1;
        let before = gathered.newest_row.replace(row);
        let number = gathered.number;
        let by = &mut self.grown_by[grown_by_of(&self.growths, place)];
        self.growths.take(number, rows, (before, row), time_ns, (&mut gathered.grown, by));
        let gauges = &mut self.of_gauges[place * self.gauges.len()..];
        for (gauge, &at) in gauges.iter_mut().zip(&self.gauges) {
            let cell = row * self.schema.values.len() + at;
            if !rows.is_absent(cell) {
                gauge.add(self.schema.values[at].kind, rows.cells[cell]);
            }
        }
        for (merged, &at) in gathered.histograms.iter_mut().zip(&self.histograms) {
            let cell = row * self.schema.values.len() + at;
            if !rows.is_absent(cell) {
                let sum = || Merged::Sum(self.spare.pop().unwrap_or_default());
                merged.get_or_insert_with(sum).add(rows.strings.get(low_half(rows.cells[cell])));
            }
        }
    }

    /// The place of an instance, made now if the step has not seen it.
    fn find_place(&mut self, rows: &Rows, instance: usize) -> usize {
        let words = &rows.keys[instance * rows.key_width..(instance + 1) * rows.key_width];
        let key: Vec<Key> = (self.schema.keys.iter().zip(words))
            .map(|(key, &word)| match key.kind.is_dictionary() {
                true => Key::Text(rows.strings.get(low_half(word)).to_vec()),
                false => Key::Word(word),
            })
            .collect();
        let number = self.growths.number_of(&key);
        let place = *self.instances.entry(key).or_insert(self.gathered.len());
        if place == self.gathered.len() {
            self.last.add(self.schema.values.len());
            self.of_gauges.resize((place + 1) * self.gauges.len(), Gauge::default());
            self.grown_by.resize((place + 1) * self.growths.counters(), None);
            let histograms = vec![None; self.histograms.len()];
            self.gathered.push(Gathered {
                samples: 0,
                newest_row: None,
                number,
                grown: Grown::default(),
                histograms,
            });
        }
        // What was forgotten since has another number now.
        self.gathered[place].number = number;
        self.places[instance] = place;
        place
    }

    /// Takes the last values of every instance out of the rows at hand.
    fn take_last_values(&mut self, rows: &Rows) {
        let width = self.schema.values.len();
        for (place, gathered) in self.gathered.iter_mut().enumerate() {
            let Some(row) = gathered.newest_row.take() else { continue };
            let by = &mut self.grown_by[grown_by_of(&self.growths, place)];
            self.growths.settle(gathered.number, rows, row, (&mut gathered.grown, by));
            let words = &rows.cells[row * width..(row + 1) * width];
            for (at, (column, &word)) in self.schema.values.iter().zip(words).enumerate() {
                let cell = place * width + at;
                let is_text = column.kind.is_dictionary() && column.kind != ColumnType::Histogram;
                match rows.is_absent(row * width + at) {
                    true => self.last.set(cell, None),
                    false if is_text => self.last.set_text(cell, rows.strings.get(low_half(word))),
                    false => self.last.set(cell, Some(word)),
                }
            }
        }
    }

    /// Writes a row for each instance that the step has seen. A step that has seen none is a sample
    /// without rows: what returns after it was away.
    fn end_step(&mut self) {
        let is_begun = std::mem::replace(&mut self.step, NO_STEP) != NO_STEP;
        if !is_begun || self.gathered.is_empty() && self.schema.keys.is_empty() {
            return;
        }
        self.record.begin_sample(self.last_ns);
        for (key, place) in std::mem::take(&mut self.instances) {
            let gathered = &mut self.gathered[place];
            let mut gauges = self.of_gauges[place * self.gauges.len()..].iter();
            let mut histograms = gathered.histograms.drain(..);
            let first = gathered.grown.first.as_ref();
            let by = &self.grown_by[grown_by_of(&self.growths, place)];
            let mut counter = 0;
            if !key.is_empty() {
                self.record.instance(|filler| {
                    for part in &key {
                        match part {
                            Key::Word(word) => filler.u64(*word),
                            Key::Text(text) => filler.bytes(text),
                        }
                    }
                });
            }
            for (at, column) in self.schema.values.iter().enumerate() {
                match self.last.get(place * self.schema.values.len() + at) {
                    _ if column.kind == ColumnType::Histogram => {
                        match histograms.next().flatten() {
                            Some(merged) => merged.put(&mut self.record, &mut self.spare),
                            None => self.record.absent(),
                        }
                    }
                    None => self.record.absent(),
                    Some(word) if column.kind.is_dictionary() => {
                        self.record.bytes(self.last.text(word));
                    }
                    Some(word) => self.record.u64(word),
                }
                if is_numeric_gauge(column) {
                    gauges.next().copied().unwrap_or_default().put(&mut self.record);
                }
                if is_counter(column) {
                    let grown = by.get(counter).copied().flatten();
                    let first = first.and_then(|first| *first.words.get(counter)?);
                    for word in [grown, first] {
                        match word {
                            Some(word) => self.record.u64(word),
                            None => self.record.absent(),
                        }
                    }
                    counter += 1;
                }
            }
            self.record.u64(gathered.grown.ns);
            for word in [first.map(|first| first.time_ns), first.and_then(|first| first.before_ns)]
            {
                match word {
                    Some(word) => self.record.u64(word),
                    None => self.record.absent(),
                }
            }
            self.record.u64(u64::from(gathered.grown.last_ns == self.last_ns));
            self.record.u64(gathered.samples);
        }
        self.record.end_sample();
        self.last.clear();
        clear_or_give_back(&mut self.of_gauges);
        clear_or_give_back(&mut self.grown_by);
        clear_or_give_back(&mut self.gathered);
        self.places.fill(NOWHERE);
    }
}

/// Where the growth of the counters of an instance is.
fn grown_by_of(growths: &Growths, place: usize) -> Range<usize> {
    let counters = growths.counters();
    place * counters..(place + 1) * counters
}

/// The offset that holds at a time: that of the latest piece that has begun, as readers have it.
fn offset_at(clocks: &[ClockOffset], at_ns: u64) -> i64 {
    let begun = clocks.iter().rev().find(|clock| clock.from_ns <= at_ns);
    begun.or(clocks.first()).map_or(0, |clock| clock.offset_ns)
}
