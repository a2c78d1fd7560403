//! What a scan yields: some rows of one table, in columns.

mod rollup;
mod words;

pub use rollup::ColumnRollup;
pub use words::RowWords;
pub(crate) use words::{BufferPool, Slab};

use crate::interner::slice_of;
use crate::schema::{Column, ColumnType, Schema};
use crate::stack;
use crate::text::readable;
use crate::value::Value;
use std::sync::Arc;

/// Some rows of one table, by column, in order of time. Comes from one block (or from what was not
/// yet in a block), so instances and strings are numbered within the chunk only.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The table.
    pub schema: Arc<Schema>,
    /// Wall time of each sample (of an event table: of each event), ns since the epoch. Ascending.
    pub times: Vec<i64>,
    /// `CLOCK_BOOTTIME` of the same, ns: what intervals for rates are computed from.
    pub boot_times: Vec<u64>,
    /// Key values of each instance. An event table has one instance without keys.
    pub instances: Vec<Vec<Value>>,
    /// The selected columns, as indices into [`Schema::row_columns`], in the order asked for.
    pub selected: Vec<usize>,
    /// `cells[s * instances.len() + i]` holds selected column `s` of instance `i`, a word for each
    /// of `times`.
    pub cells: Vec<Cells>,
    /// For each instance, in which samples it was there.
    pub present: Vec<Presence>,
    /// The dictionary of the chunk's strings.
    pub strings: Strings,
}

/// One column of one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// The words.
    pub words: Words,
    /// Where there is a value. A row without one is absent, or belongs to an absent instance.
    pub present: Presence,
}

/// Words of a column: `u64` as it is, `i64` and `f64` by their bits, `bool` as 0 or 1, strings,
/// bytes, histograms and stacks as index into [`Chunk::strings`]. Where a value is absent the word is the one before.
#[derive(Clone, Debug, PartialEq)]
pub enum Words {
    /// The same in every row.
    Constant(u64),
    /// One a row.
    Each(RowWords),
}

/// Which rows of a column or an instance are there.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// All of them.
    All,
    /// None.
    None,
    /// Those whose bit is 1; bit `r % 64` of word `r / 64`.
    Some(Arc<Vec<u64>>),
}

impl Presence {
    /// Whether row `row` is there.
    #[inline]
    pub fn at(&self, row: usize) -> bool {
        match self {
            Presence::All => true,
            Presence::None => false,
            Presence::Some(bits) => bits[row / 64] >> (row % 64) & 1 == 1,
        }
    }
}

impl Words {
    /// The word of row `row`.
    #[inline]
    pub fn at(&self, row: usize) -> u64 {
        match self {
            Words::Constant(word) => *word,
            Words::Each(words) => words[row],
        }
    }
}

/// A dictionary of strings.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    /// The end of each string within `bytes`.
    pub ends: Vec<u32>,
    /// All strings, one after the other.
    pub bytes: Vec<u8>,
}

impl Strings {
    /// The string of an index; empty when there is none.
    pub fn get(&self, index: u64) -> &[u8] {
        usize::try_from(index).map_or(&[], |index| slice_of(&self.ends, &self.bytes, index))
    }

    /// The value of a word in a column of type `kind`.
    pub fn value(&self, kind: ColumnType, word: u64) -> Value {
        match kind {
            ColumnType::String => Value::String(readable(self.get(word)).into_owned()),
            ColumnType::Stack => Value::String(stack::folded(self.get(word))),
            ColumnType::Bytes | ColumnType::Histogram => Value::Bytes(self.get(word).to_vec()),
            _ => Value::from_word(kind, word),
        }
    }
}

impl Chunk {
    /// How many samples (or events) there are.
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Selected column `s` of instance `i`.
    #[inline]
    pub fn cells(&self, s: usize, i: usize) -> &Cells {
        &self.cells[s * self.instances.len() + i]
    }

    /// The schema of selected column `s`.
    pub fn column(&self, s: usize) -> &Column {
        let keys = self.schema.row_width() - self.schema.values.len();
        let index = self.selected[s];
        if index < keys { &self.schema.keys[index] } else { &self.schema.values[index - keys] }
    }

    /// The value of selected column `s` of instance `i` in row `row`.
    pub fn value(&self, s: usize, i: usize, row: usize) -> Value {
        let cells = self.cells(s, i);
        if !cells.present.at(row) {
            return Value::Absent;
        }
        self.strings.value(self.column(s).kind, cells.words.at(row))
    }
}
