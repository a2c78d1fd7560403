//! A question, and the plan of its answer: which columns to scan, what to make of them.

use super::Aggregate;
use crate::columns::find;
use crate::error::QueryError;
use crate::filter::{Filter, Test};
use crate::rows::Header;
use nodemon_formats::reader::{Rollup, ScanRequest};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics, TableKind};
use std::sync::Arc;

/// A question about one table.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// First wall time, ns since the epoch.
    pub from: i64,
    /// The wall time behind the last.
    pub to: i64,
    /// Names or globs of value columns; empty for all.
    pub columns: Vec<String>,
    /// What rows have to pass.
    pub filters: Vec<Filter>,
    /// Whether counters are wanted as rates.
    pub rates: bool,
    /// Set where a row a step is wanted.
    pub step: Option<StepQuestion>,
    /// Whether stacks are wanted frame by frame, as [`nodemon_formats::stack`] has their cells, and
    /// not folded.
    pub frames: bool,
}

/// A question for a row a step.
#[derive(Clone, Debug)]
pub struct StepQuestion {
    /// Length of a step and a wall time at which some step begins, ns.
    pub step: Step,
    /// What to make of the values; empty for what fits the column.
    pub aggregates: Vec<Aggregate>,
}

/// Steps `[origin + k * length, origin + (k + 1) * length)` of wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Wall time at which some step begins, ns since the epoch.
    pub origin: i64,
    /// Length of a step, ns.
    pub length: i64,
}

/// How a question is answered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The newest schema of the table.
    pub schema: Arc<Schema>,
    /// What the answer looks like: a field for each of `keys`, then one for each of `cells`.
    pub header: Arc<Header>,
    /// First wall time, ns since the epoch. Where a row a step is wanted, the start of a step:
    /// every step that the question touches is answered whole.
    pub from: i64,
    /// The wall time behind the last.
    pub to: i64,
    /// The columns to scan.
    pub slots: Vec<Slot>,
    /// The keys in the answer, as indices into the schema's.
    pub keys: Vec<usize>,
    /// The values in the answer.
    pub cells: Vec<Cell>,
    /// What instances have to pass.
    pub key_tests: Vec<KeyTest>,
    /// What rows have to pass.
    pub value_tests: Vec<ValueTest>,
    /// Set where a row a step is wanted.
    pub step: Option<Step>,
    /// Two samples further apart than this, ns, have no rate between them: what happened in
    /// between is not known well enough to be shown as if it happened at the second. It does not
    /// depend on the question; see [`nodemon_formats::growth`].
    pub longest_pair_ns: u64,
    /// Whether stacks are wanted frame by frame, and not folded.
    pub frames: bool,
}

/// A column that is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index into [`Schema::row_columns`].
    pub column: usize,
    /// Type of its words; of stacks text, unless they are wanted frame by frame.
    pub kind: ColumnType,
    /// Whether its rate is wanted, and not its value.
    pub rate: bool,
}

/// A value in the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The slot that it comes from.
    pub slot: usize,
    /// Of a row a step: what becomes of the values.
    pub aggregate: Option<Aggregate>,
}

/// What the key of an instance has to pass.
#[derive(Clone, Debug)]
pub struct KeyTest {
    /// Index into the schema's keys.
    pub key: usize,
    /// The test.
    pub test: Test,
}

/// What a value, or its rate where that is wanted, has to pass.
#[derive(Clone, Debug)]
pub struct ValueTest {
    /// The slot.
    pub slot: usize,
    /// The test.
    pub test: Test,
}

impl Plan {
    /// The slot of row column `column`, added now if there is none.
    pub(super) fn slot(&mut self, column: usize, rates: bool) -> usize {
        let Some(described) = self.schema.row_columns().nth(column) else { return 0 };
        let rate = rates && is_rated(described) && self.schema.kind == TableKind::Sample;
        let kind = match described.kind {
            ColumnType::Stack if !self.frames => ColumnType::String,
            kind => kind,
        };
        let slot = Slot { column, kind, rate };
        self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    pub(super) fn add_filter(&mut self, filter: &Filter, rates: bool) -> Result<(), QueryError> {
        let schema = self.schema.clone();
        let all = schema.keys.iter().chain(&schema.values);
        let found = find(&schema, all.clone(), &filter.column)?;
        let Some(column) = all.clone().nth(found) else { return Ok(()) };
        let refused = |why| QueryError::Usage(format!("-w {}: {why}", filter.column));
        if found < schema.key_width() {
            let test = Test::new(filter, column.kind, &column.unit).map_err(refused)?;
            self.key_tests.push(KeyTest { key: found, test });
            return Ok(());
        }
        let slot = self.slot(found - schema.key_width(), rates);
        let rate = self.slots[slot].rate;
        let test = match rate {
            true => Test::new(filter, ColumnType::F64, &format!("{}/s", column.unit)),
            false => Test::new(filter, column.kind, &column.unit),
        };
        self.value_tests.push(ValueTest { slot, test: test.map_err(refused)? });
        Ok(())
    }

    /// What to scan for the rows of the answer.
    pub fn request(&self) -> ScanRequest {
        let rollup = self.step.filter(|_| self.rollups_suffice());
        self.request_of(
            self.from,
            self.to,
            rollup.map(|step| Rollup { origin: step.origin, step: step.length }),
        )
    }

    /// What to scan before that, where rates are wanted: as much as can have a part in the first.
    /// It is the same time before whatever start, so that no rate depends on where a question
    /// begins. Of whole blocks the last values will do.
    pub fn request_before(&self) -> Option<ScanRequest> {
        self.slots.iter().any(|slot| slot.rate).then(|| {
            let from = self.before();
            // One step, which fits those of no tier.
            let step = self.from.saturating_sub(from).saturating_add(1);
            self.request_of(from, self.from, Some(Rollup { origin: from, step }))
        })
    }

    /// The first wall time of [`Plan::request_before`].
    pub fn before(&self) -> i64 {
        self.from.saturating_sub_unsigned(self.longest_pair_ns)
    }

    fn request_of(&self, from: i64, to: i64, rollup: Option<Rollup>) -> ScanRequest {
        ScanRequest {
            table: self.schema.name.clone(),
            from,
            to,
            columns: Some(self.slots.iter().map(|slot| slot.column).collect()),
            rollup,
            whole_steps: self.step.is_some(),
            threads: 0,
        }
    }

    /// Whether the rate of `slot` from one sample to the next cannot be told: they are closer
    /// together than the step in which the kernel counts that time. A millisecond in which a tick of
    /// four is counted is not a CPU used four times over, and one in which none is was not idle.
    pub fn is_below_resolution(&self, slot: &Slot) -> bool {
        self.cannot_be_told_over(slot, self.schema.interval_ns)
    }

    /// Whether a cell is blank for that reason: the mean over a step by the length of the step,
    /// anything that is made of the rates from sample to sample by their interval. By how much a
    /// counter grew is known whatever the step.
    pub fn is_blank(&self, cell: &Cell) -> bool {
        let Some(slot) = self.slots.get(cell.slot) else { return false };
        match (cell.aggregate, self.step) {
            (Some(Aggregate::Count | Aggregate::Sum), _) => false,
            (Some(Aggregate::Avg), Some(step)) => {
                self.cannot_be_told_over(slot, step.length.unsigned_abs())
            }
            _ => self.is_below_resolution(slot),
        }
    }

    fn cannot_be_told_over(&self, slot: &Slot, over_ns: u64) -> bool {
        let counted = self.schema.row_columns().nth(slot.column);
        let is_time = |column: &&Column| column.unit == unit::NS && column.quantum > over_ns;
        slot.rate && over_ns > 0 && counted.filter(is_time).is_some()
    }

    fn rollups_suffice(&self) -> bool {
        let suffices = |cell: &Cell| {
            let slot = &self.slots[cell.slot];
            let column = self.schema.row_columns().nth(slot.column).filter(|_| !slot.rate);
            cell.aggregate.is_some_and(|aggregate| aggregate.is_in_rollups(column))
        };
        self.schema.kind == TableKind::Sample
            && self.value_tests.is_empty()
            && self.cells.iter().all(suffices)
    }
}

/// Whether people look at the rate of a column.
pub(super) fn is_rated(column: &Column) -> bool {
    column.semantics == Semantics::Counter
        && matches!(column.kind, ColumnType::U64 | ColumnType::I64 | ColumnType::F64)
}

impl Step {
    /// The number of the step that `time` lies in.
    #[inline]
    pub fn number_at(&self, time: i64) -> i64 {
        time.saturating_sub(self.origin).div_euclid(self.length)
    }

    /// Wall time at which step `number` begins.
    pub fn start(&self, number: i64) -> i64 {
        number.saturating_mul(self.length).saturating_add(self.origin)
    }
}
