//! What the writer keeps of one table between commits.

use crate::block::Rows;
use crate::memory::clear_and_shrink;
use crate::record::{RecordError, RecordView};
use crate::schema::{Column, ColumnType, Schema, TableKind};
use crate::segment::put_record;
use std::sync::Arc;

/// Rows that a block of a slow table gathers: at 1 Hz, blocks of 60 rows take 0.29 bytes a value
/// where those of 10 take 0.41.
const BLOCK_ROWS: usize = 60;

/// Rows that a block with stacks gathers, or what comes in [`STACK_NS`]: what stacks have in common is
/// there once in a block. Longer their records would take much of a small segment, as its journal.
const STACK_ROWS: usize = 8192;
const STACK_NS: u64 = 60_000_000_000;

/// What they take of the writer's memory at most: that of some 8,000 samples of a compiler, of which
/// hardly two are the same.
const STACK_BYTES: usize = 4 << 20;

/// A table whose block is full within this time is sealed with every commit, and its records never
/// go through the journal.
const FAST_NS: u64 = 1_000_000_000;

/// A block is sealed before its rows take more memory than this, however few they are, if a record
/// more would be as large as the last. The first record brings its instances, which come once.
const BLOCK_BYTES: usize = 2 << 20;

/// Cells of a block at most, a quarter of what a reader decodes of any: 1 kHz on 512 CPUs is twice
/// that in a quarter of a second, and idle they take so few bytes that it would be refused.
const BLOCK_CELLS: usize = 1 << 22;

/// A table that is being written.
pub struct Table {
    /// Its schema.
    pub schema: Arc<Schema>,
    /// Rows that are in no block yet, the newest of them.
    rows: Rows,
    /// What the record that came last added to them, bytes.
    added_bytes: usize,
    /// Those before them, which are as many as a block may have, and how many records of the
    /// segment end with each.
    full: Vec<(Rows, u64)>,
    /// Records of it in the current segment, those in `rows` included.
    pub records: u64,
    /// Of these, those that are in blocks.
    pub sealed_records: u64,
    /// Whether the current segment has its schema.
    pub described: bool,
    /// Records since the last commit, as they will stand in the journal.
    pub journal: Vec<u8>,
    /// Samples since the last commit.
    pub undurable: u64,
    /// Time of the first of these.
    pub undurable_since_ns: u64,
    /// Time of the last sample that was pushed.
    pub last_ns: u64,
    /// Samples that a failing disk cost since it began to fail, and since when.
    pub lost: Option<(u64, u64)>,
    /// Time of the last of these.
    pub last_lost_ns: u64,
    /// What of it is in blocks of the current segment.
    in_segment: Option<Stored>,
    /// Whether its rows are in a block of the commit that is being made.
    is_sealed: bool,
    /// Whether anybody wants to see the rows of its blocks.
    pub is_shown: bool,
}

/// Samples that are stored together.
#[derive(Clone, Copy)]
pub struct Stored {
    /// How many.
    pub samples: u64,
    /// Time of the first, `CLOCK_BOOTTIME` ns.
    pub from_ns: u64,
    /// Time of the last.
    pub to_ns: u64,
}

impl Table {
    /// A table without rows.
    pub fn new(schema: Arc<Schema>) -> Table {
        Table {
            rows: new_rows(&schema),
            added_bytes: 0,
            full: Vec::new(),
            schema,
            records: 0,
            sealed_records: 0,
            described: false,
            journal: Vec::new(),
            undurable: 0,
            undurable_since_ns: 0,
            last_ns: 0,
            lost: None,
            last_lost_ns: 0,
            in_segment: None,
            is_sealed: false,
            is_shown: false,
        }
    }

    /// Takes a record in. Returns how many samples it had.
    ///
    /// # Errors
    /// When it does not fit the table; nothing of it was taken then.
    pub fn push(&mut self, record: &[u8]) -> Result<u64, RecordError> {
        let view = RecordView::access(record, self.rows.width, self.rows.key_width)?;
        let times = view.times();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(0) };
        if first.to_native() < self.last_ns {
            return Err(RecordError::Shape("samples are older than those before"));
        }
        let samples = self.rows.samples() + times.len();
        if self.is_too_large(samples, self.rows.instances().max(view.instances())) {
            self.put_full();
        }
        let before_bytes = self.rows.size_bytes();
        self.rows.append(&view)?;
        let is_first = before_bytes == 0;
        self.added_bytes = if is_first { 0 } else { self.rows.size_bytes() - before_bytes };
        if self.undurable == 0 {
            self.undurable_since_ns = first.to_native();
        }
        self.last_ns = last.to_native();
        self.undurable += times.len() as u64;
        self.records += 1;
        if !self.is_fast() {
            put_record(self.records, record, &mut self.journal);
        }
        if self.is_too_large(self.rows.samples(), self.rows.instances()) {
            self.put_full();
        }
        Ok(times.len() as u64)
    }

    /// Whether a block of so many samples is more than may be.
    fn is_too_large(&self, samples: usize, instances: usize) -> bool {
        samples.saturating_mul(instances).saturating_mul(self.rows.width) > BLOCK_CELLS
    }

    /// What is there becomes a block of its own.
    fn put_full(&mut self) {
        if self.rows.samples() > 0 {
            let rows = std::mem::replace(&mut self.rows, new_rows(&self.schema));
            self.full.push((rows, self.records));
        }
    }

    /// The rows that are in no block yet, as the blocks that they will be, and how many records of
    /// the segment end with each.
    pub fn pieces(&self) -> impl Iterator<Item = (&Rows, u64)> {
        let last = (self.rows.samples() > 0).then_some((&self.rows, self.records));
        self.full.iter().map(|(rows, records)| (rows, *records)).chain(last)
    }

    /// The same rows, to be shown.
    pub fn all_rows(&mut self) -> impl Iterator<Item = &mut Rows> {
        let all = self.full.iter_mut().map(|(rows, _)| rows).chain([&mut self.rows]);
        all.filter(|rows| rows.samples() > 0)
    }

    /// How many samples are in no block yet.
    pub fn samples(&self) -> u64 {
        self.pieces().map(|(rows, _)| rows.samples() as u64).sum()
    }

    /// Bytes of the rows that wait to become a block.
    pub fn waiting_bytes(&self) -> usize {
        self.rows.size_bytes()
    }

    /// Whether its rows should become a block now.
    pub fn is_due(&self) -> bool {
        let samples = self.rows.samples();
        !self.full.is_empty()
            || samples > 0
                && (self.is_fast()
                    || self.is_worth_a_block(samples)
                    || self.rows.is_full_of_stacks()
                    || self.rows.size_bytes() + self.added_bytes > self.most_bytes())
    }

    fn is_worth_a_block(&self, samples: usize) -> bool {
        let is_enough = || samples >= STACK_ROWS || self.rows.span_ns() >= STACK_NS;
        samples >= BLOCK_ROWS && (!self.gathers_stacks() || is_enough())
    }

    fn most_bytes(&self) -> usize {
        if self.gathers_stacks() { STACK_BYTES } else { BLOCK_BYTES }
    }

    /// Whether its rows wait for others with which their stacks have calls in common, up to
    /// [`STACK_ROWS`] and [`STACK_BYTES`].
    pub fn gathers_stacks(&self) -> bool {
        let is_stack = |column: &Column| column.kind == ColumnType::Stack;
        self.schema.kind == TableKind::Event && self.schema.values.iter().any(is_stack)
    }

    fn is_fast(&self) -> bool {
        is_fast(&self.schema)
    }

    /// Its rows are in a block of the commit that is being made.
    pub fn seal(&mut self) {
        clear_and_shrink(&mut self.journal);
        self.sealed_records = self.records;
        self.is_sealed = true;
    }

    /// Whether its rows are in a block of the commit that is being made.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Everything that was pushed is durable.
    pub fn committed(&mut self) -> u64 {
        // A step of a tier is large, and what comes once a minute keeps no memory for it.
        if self.schema.tier_ns > 0 {
            self.journal = Vec::new();
        }
        if !self.is_sealed {
            clear_and_shrink(&mut self.journal);
        }
        if std::mem::take(&mut self.is_sealed) {
            let (mut stored, mut samples) = (self.in_segment, 0);
            for (rows, _) in self.pieces() {
                if let (Some(&first), Some(&last)) = (rows.times.first(), rows.times.last()) {
                    let none = Stored { samples: 0, from_ns: first, to_ns: last };
                    stored.get_or_insert(none).to_ns = last;
                    samples += rows.times.len() as u64;
                }
            }
            if let Some(stored) = &mut stored {
                stored.samples += samples;
            }
            self.in_segment = stored;
            self.forget_rows();
        }
        std::mem::take(&mut self.undurable)
    }

    /// What was pushed since the last commit is lost, and the segment with the rest is closed.
    pub fn failed(&mut self) -> u64 {
        let lost = self.undurable;
        if lost > 0 {
            let (count, _) = self.lost.get_or_insert((0, self.undurable_since_ns));
            *count += lost;
            self.last_lost_ns = self.last_ns;
        }
        self.forget_rows();
        self.committed();
        self.new_segment();
        lost
    }

    fn forget_rows(&mut self) {
        self.full.clear();
        self.rows.clear();
    }

    /// The current segment is gone. Returns what went with it, and how many samples that were in its
    /// journal are waiting to be stored once more.
    pub fn segment_is_gone(&mut self) -> (Option<Stored>, u64) {
        let stored = self.in_segment.take();
        let waiting = self.samples();
        let journaled = waiting - self.undurable.min(waiting);
        let first = self.pieces().next().and_then(|(rows, _)| rows.times.first().copied());
        if let Some(first) = first {
            (self.undurable, self.undurable_since_ns) = (waiting, first);
        }
        self.new_segment();
        (stored, journaled)
    }

    /// A new segment begins; rows are sealed into it as a whole, if there are any.
    pub fn new_segment(&mut self) {
        self.in_segment = None;
        self.records = 0;
        self.sealed_records = 0;
        self.described = false;
    }
}

fn is_fast(schema: &Schema) -> bool {
    schema.kind == TableKind::Sample
        && schema.interval_ns > 0
        && schema.interval_ns * BLOCK_ROWS as u64 <= FAST_NS
}

/// Rows of `schema`, packed where they wait for long.
fn new_rows(schema: &Schema) -> Rows {
    if is_fast(schema) { Rows::new(schema) } else { Rows::packed(schema) }
}
