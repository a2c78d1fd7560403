//! What a screen shows, table by table: one type for a row of each.

mod cpu;
mod disk;
mod kernel;
mod memory;
mod net;
mod pressure;
mod process;

pub use cpu::Cpu;
pub use disk::Disk;
pub use kernel::{Kernel, Load};
pub use memory::Memory;
pub use net::Net;
pub use pressure::Pressure;
pub use process::Process;

use crate::rows::{Batch, Header, as_f64};
use nodemon_formats::ColumnType;
use nodemon_formats::text::readable;
use serde_json::Value;

/// A row of one table over one tick.
pub trait Part: Clone {
    /// The table.
    const TABLE: &'static str;
    /// The columns that it is made of, as the schema has them. A recording may lack some.
    const COLUMNS: &'static [&'static str];

    /// Makes it of a row in which counters are rates.
    fn from_row(row: &Row<'_>) -> Self;

    /// The same for programs: numbers in base units, named with their unit.
    fn json(&self) -> Value;
}

/// A row of an answer.
pub struct Row<'a> {
    /// The rows.
    pub batch: &'a Batch,
    /// Which one.
    pub row: usize,
    /// Where the columns of the part are.
    pub places: &'a Places,
}

/// For each column of a [`Part`], which of the answer's it is, and of what type.
pub struct Places(Vec<(&'static str, usize, ColumnType)>);

impl Places {
    /// Finds columns by their names in the schema, with which their names in the answer begin:
    /// rates have a longer one.
    pub fn find(columns: &[&'static str], header: &Header) -> Places {
        let place = |name: &&'static str| {
            let is_it = |found: &str| {
                found.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest == "_per_s")
            };
            let at = header.fields.iter().position(|field| is_it(&field.name))?;
            Some((*name, at, header.fields[at].kind))
        };
        Places(columns.iter().filter_map(place).collect())
    }
}

impl Row<'_> {
    fn word(&self, column: &str) -> Option<(u64, ColumnType)> {
        let (_, at, kind) = self.places.0.iter().find(|(name, ..)| *name == column)?;
        let column = self.batch.columns.get(*at)?;
        column.is_present(self.row).then(|| (column.words[self.row], *kind))
    }

    /// A number, where it is there and is one.
    pub fn number(&self, column: &str) -> Option<f64> {
        let (word, kind) = self.word(column)?;
        let number = as_f64(kind, word);
        (!kind.is_dictionary() && number.is_finite()).then_some(number)
    }

    /// An unsigned integer as it is.
    pub fn integer(&self, column: &str) -> Option<u64> {
        self.word(column).filter(|(_, kind)| *kind == ColumnType::U64).map(|(word, _)| word)
    }

    /// Text; empty where there is none.
    pub fn text(&self, column: &str) -> String {
        match self.word(column) {
            Some((word, kind)) if kind.is_dictionary() => {
                readable(self.batch.strings.at_word(word)).into_owned()
            }
            _ => String::new(),
        }
    }
}
