//! One row out of a file that names its own fields (`MemTotal:`, `pgfault`), of which every kernel
//! has others, in its own order.
//!
//! The place of each name in the file is learnt, so that in the steady state a field costs one
//! comparison with the name that stood there last time, and no look-up.

use crate::kernel_files::text::Fields;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{Column, Schema};
use std::collections::HashMap;
use std::path::Path;

/// A field of the file and the column that it goes to.
#[derive(Clone, Debug)]
pub struct Field {
    /// What the kernel calls it.
    pub name: Vec<u8>,
    /// Its column.
    pub column: Column,
    /// What the kernel's number is multiplied with to get the column's unit.
    pub scale: u64,
}

/// `schema` with a column for each of `fields`.
pub fn with_fields(schema: Schema, fields: &[Field]) -> Schema {
    fields.iter().fold(schema, |schema, field| schema.column(field.column.clone()))
}

/// Tells of `fields` in `file` that have no column, if there are any: columns are settled when the
/// recorder starts.
pub fn lost_fields(file: &Path, fields: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = fields.collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} in {} came after the recorder was started, and is not recorded until it is started \
             again",
            names.join(", "),
            file.display()
        )
    })
}

/// The values of one sample on their way from the order of the file to that of the columns.
pub struct Row {
    columns: HashMap<Vec<u8>, usize>,
    scales: Vec<u64>,
    /// One for each column; `None` until its field has been seen in this sample.
    cells: Vec<Option<u64>>,
    /// The names in the order of the file, with their columns.
    order: Vec<(Vec<u8>, Option<usize>)>,
    /// How many fields of this sample have been taken.
    taken: usize,
}

impl Row {
    /// A row whose columns are those of `fields`.
    pub fn new(fields: &[Field]) -> Row {
        let named = fields.iter().enumerate().map(|(column, field)| (field.name.clone(), column));
        Row {
            columns: named.collect(),
            scales: fields.iter().map(|field| field.scale).collect(),
            cells: vec![None; fields.len()],
            order: Vec::new(),
            taken: 0,
        }
    }

    /// Starts a sample.
    pub fn clear(&mut self) {
        self.cells.fill(None);
        self.taken = 0;
    }

    /// Takes the next line of the file: a name, a colon or blanks, a number. A name that has no
    /// column is remembered for [`Row::without_column`]; without a number the cell is absent.
    #[inline]
    pub fn take(&mut self, line: &[u8]) {
        let expected = self.order.get(self.taken).and_then(|(name, column)| {
            let rest = line.strip_prefix(name.as_slice())?;
            rest.first().is_some_and(ends_name).then_some((*column, rest))
        });
        let (column, rest) = match expected {
            Some(found) => found,
            None => {
                let length = line.iter().take_while(|byte| !ends_name(byte)).count();
                let Some((name, rest)) = line.split_at_checked(length) else { return };
                (self.learn(name), rest)
            }
        };
        self.taken += 1;
        let value = Fields::new(rest.strip_prefix(b":").unwrap_or(rest)).u64();
        // What each CPU counts is added up without a lock, and may be less than nothing for a moment.
        let value = value.filter(|value| *value < 1 << 63);
        if let (Some(column), Some(value)) = (column, value) {
            self.set(column, value);
        }
    }

    /// Sets the cell of a column that [`Row::column`] gave to what the kernel says.
    #[inline]
    pub fn set(&mut self, column: usize, value: u64) {
        if let (Some(cell), Some(scale)) = (self.cells.get_mut(column), self.scales.get(column)) {
            *cell = Some(value.wrapping_mul(*scale));
        }
    }

    /// The column of the field that the kernel calls `name`.
    pub fn column(&self, name: &[u8]) -> Option<usize> {
        self.columns.get(name).copied()
    }

    /// Puts the cells into the row that is open in `table`.
    pub fn push(&self, table: &mut RecordBuilder) {
        for cell in &self.cells {
            table.opt_u64(*cell);
        }
    }

    /// What the file called the fields that had no column at the last sample.
    pub fn without_column(&self) -> impl Iterator<Item = String> {
        let taken = self.order.iter().take(self.taken);
        let lost = taken.filter(|(_, column)| column.is_none());
        lost.map(|(name, _)| String::from_utf8_lossy(name).into_owned())
    }

    fn learn(&mut self, name: &[u8]) -> Option<usize> {
        let column = self.column(name);
        let entry = (name.to_vec(), column);
        match self.order.get_mut(self.taken) {
            Some(place) => *place = entry,
            None => self.order.push(entry),
        }
        column
    }
}

fn ends_name(byte: &u8) -> bool {
    matches!(byte, b':' | b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Field, Row};
    use nodemon_formats::schema::unit;
    use nodemon_formats::{Column, ColumnType, Semantics};
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    fn field(name: &str) -> Field {
        let column = Column::new(name, ColumnType::U64, Semantics::Gauge, unit::COUNT, "");
        Field { name: name.into(), column, scale: 2 }
    }

    /// Fields by number, each with its value and what stands before it.
    fn sample() -> impl Strategy<Value = HashMap<usize, (u64, &'static str)>> {
        let between = prop::sample::select(&[":", ": ", ":   ", " ", "\t", "  \t"][..]);
        prop::collection::hash_map(0usize..12, (0u64..1000, between), 0..12)
    }

    #[test]
    fn less_than_nothing_is_absent() {
        let mut row = Row::new(&[field("nr_dirty"), field("nr_free")]);
        row.take(b"nr_dirty 18446744073709551612");
        row.take(b"nr_free 7");
        assert_eq!(row.cells, [None, Some(14)]);
    }

    proptest! {
        #[test]
        fn a_value_finds_its_column_in_whatever_order_the_fields_come(
            samples in prop::collection::vec(sample(), 1..6),
        ) {
            // Ten columns; fields 10 and 11 have none.
            let fields: Vec<Field> = (0..10).map(|n| field(&format!("f{n}"))).collect();
            let mut row = Row::new(&fields);
            for sample in &samples {
                row.clear();
                for (n, (value, between)) in sample {
                    row.take(format!("f{n}{between}{value}").as_bytes());
                }
                for (column, cell) in row.cells.iter().enumerate() {
                    prop_assert_eq!(*cell, sample.get(&column).map(|(value, _)| value * 2));
                }
                let lost: HashSet<String> = row.without_column().collect();
                let expected = sample.keys().filter(|&&n| n >= 10).map(|n| format!("f{n}"));
                prop_assert_eq!(lost, expected.collect::<HashSet<_>>());
            }
        }
    }
}
