//! The rows of a row group while they gather.

use super::dictionary::Dictionary;
use crate::rows::{Batch, BatchColumn, Bitmap, Header};
use nodemon_formats::ColumnType;

/// Rows in a row group: what DuckDB and Arrow like to split work by, and enough to make the headers
/// of pages and chunks vanish.
const MAX_ROWS: usize = 1 << 20;
/// Values in a row group: 64 MiB of words. Narrow tables reach the rows first, wide ones this.
const MAX_VALUES: usize = 8 << 20;
/// Bytes of distinct strings in a row group.
const MAX_STRING_BYTES: usize = 32 << 20;

/// Rows that are not written yet.
pub struct Group {
    /// The time, and then the columns of the header.
    pub columns: Vec<GroupColumn>,
    rows: usize,
}

/// One column of a [`Group`].
pub struct GroupColumn {
    /// The type of the values.
    pub kind: ColumnType,
    /// A word for each row; of strings the number in `dictionary`.
    pub words: Vec<u64>,
    /// Which rows have a value; `None` while all have.
    pub present: Option<Bitmap>,
    /// The strings.
    pub dictionary: Option<Dictionary>,
}

impl Group {
    /// A group for rows of `header`.
    pub fn new(header: &Header) -> Group {
        let kinds = header.fields.iter().map(|field| field.kind);
        let columns = std::iter::once(ColumnType::I64).chain(kinds).map(GroupColumn::new);
        Group { columns: columns.collect(), rows: 0 }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the rows of a batch.
    pub fn add(&mut self, batch: &Batch) {
        let Some((time, values)) = self.columns.split_first_mut() else { return };
        time.words.extend(batch.times.iter().map(|time| time.cast_unsigned()));
        for (column, from) in values.iter_mut().zip(&batch.columns) {
            column.add(batch, from, self.rows);
        }
        self.rows += batch.len();
    }

    /// Whether it is time to write it.
    pub fn is_full(&self) -> bool {
        let string_bytes =
            |column: &GroupColumn| column.dictionary.as_ref().map_or(0, Dictionary::size_bytes);
        self.rows >= MAX_ROWS
            || self.rows * self.columns.len() >= MAX_VALUES
            || self.columns.iter().map(string_bytes).sum::<usize>() >= MAX_STRING_BYTES
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.rows = 0;
        for column in &mut self.columns {
            column.words.clear();
            column.present = None;
            if let Some(dictionary) = &mut column.dictionary {
                dictionary.clear();
            }
        }
    }
}

impl GroupColumn {
    fn new(kind: ColumnType) -> GroupColumn {
        GroupColumn { kind, words: Vec::new(), present: None, dictionary: Dictionary::new(kind) }
    }

    fn add(&mut self, batch: &Batch, from: &BatchColumn, rows_before: usize) {
        match &mut self.dictionary {
            None => self.words.extend_from_slice(&from.words),
            Some(dictionary) => dictionary.add(batch, from, &mut self.words),
        }
        match (&mut self.present, &from.present) {
            (None, None) => {}
            (Some(bits), None) => bits.extend_filled(batch.len(), true),
            (bits, Some(more)) => {
                bits.get_or_insert_with(|| Bitmap::filled(rows_before, true)).extend(more);
            }
        }
    }
}
