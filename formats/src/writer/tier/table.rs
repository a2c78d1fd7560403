//! One table of a tier: the step that is being gathered, and the rows that it becomes.

use super::gauge::Gauge;
use super::growth::{Grown, Growths, Key};
use super::histogram::Merged;
use super::last::LastValues;
use super::schema::{is_counter, is_numeric_gauge};
use crate::block::{Piece, Rows};
use crate::histogram::Histogram;
use crate::memory::clear_or_give_back;
use crate::narrow::low_half;
use crate::record::RecordBuilder;
use crate::schema::{Column, ColumnType, Schema};
use crate::writer::ring_writer::RingWriter;
use rkyv::util::AlignedVec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a record of a tier may have for its memory to be kept, bytes.
const LARGE_BYTES: usize = 256 << 10;

/// One table of a tier.
pub struct TierTable {
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

impl TierTable {
    /// The table of rows of `schema`, whose steps are rows of `rolled` in the table `number` of the
    /// tier's ring.
    pub fn new(schema: Arc<Schema>, rolled: Arc<Schema>, number: u32) -> TierTable {
        let those = |is_one: fn(&Column) -> bool| {
            let values = schema.values.iter().enumerate();
            values.filter(|(_, column)| is_one(column)).map(|(at, _)| at).collect()
        };
        TierTable {
            record: RecordBuilder::new(&rolled),
            number,
            rolled,
            gauges: those(is_numeric_gauge),
            histograms: those(|column| column.kind == ColumnType::Histogram),
            growths: Growths::new(&schema),
            schema,
            step: NO_STEP,
            last_ns: 0,
            instances: BTreeMap::new(),
            gathered: Vec::new(),
            last: LastValues::default(),
            of_gauges: Vec::new(),
            grown_by: Vec::new(),
            spare: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Adds the first `samples` of some rows of a block; `step_of` says to which step a time belongs.
    pub fn add(&mut self, piece: Piece<'_>, samples: usize, step_of: impl Fn(u64) -> i64) {
        let rows = piece.rows;
        // The numbers of instances are the same in the whole block.
        if piece.is_first {
            self.places.clear();
            self.places.resize(rows.instances(), NOWHERE);
        }
        let mut start = 0;
        for (sample, &end) in rows.row_ends.iter().enumerate().take(samples) {
            let time_ns = rows.times[sample];
            let step = step_of(time_ns);
            if step != self.step {
                self.take_last_values(rows);
                self.end_step();
                self.step = step;
            }
            self.last_ns = time_ns;
            for row in start..end as usize {
                self.gather(rows, row, time_ns);
            }
            self.growths.end_sample(time_ns);
            start = end as usize;
        }
        self.take_last_values(rows);
        if piece.is_last {
            self.growths.forget(rows.instances());
        }
    }

    /// Hands the steps that have ended to the ring of the tier, through memory that `archive` keeps.
    pub fn send(&mut self, archive: &mut AlignedVec, to: &mut RingWriter) {
        if self.record.samples() == 0 || self.record.finish(self.number, archive).is_err() {
            return;
        }
        // The record was made here, of this table; it cannot be malformed.
        let _ = to.push(archive);
        // A step of all processes is large, and comes once a minute.
        if archive.len() > LARGE_BYTES {
            *archive = AlignedVec::new();
            self.record = RecordBuilder::new(&self.rolled);
        }
    }

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
                    false if is_text => self.last.set_text(cell, &rows.text(word)),
                    false => self.last.set(cell, Some(word)),
                }
            }
        }
    }

    /// Writes a row for each instance that the step has seen. A step that has seen none is a sample
    /// without rows: what returns after it was away.
    pub fn end_step(&mut self) {
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
