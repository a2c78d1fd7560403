//! Some rows.

use super::Bitmap;
use nodemon_formats::interner::Interner;
use std::ops::Range;

/// Some rows of an answer, in columns, in order of time and then of instance.
#[derive(Clone, Default)]
pub struct Batch {
    /// Wall time of each row, ns since the epoch.
    pub times: Vec<i64>,
    /// The columns, as [`Header::fields`](super::Header::fields) describes them.
    pub columns: Vec<BatchColumn>,
    /// What the words of string, bytes and histogram columns number.
    pub strings: Interner,
}

/// One column.
#[derive(Clone, Default)]
pub struct BatchColumn {
    /// A word for each row: `u64` as it is, `i64` and `f64` by their bits, `bool` as 0 or 1, of
    /// strings, bytes and the cells of histograms the number in [`Batch::strings`]. Where a value is absent the word means
    /// nothing, but a string's is still a number or 0.
    pub words: Vec<u64>,
    /// Where there is a value; `None` where there always is.
    pub present: Option<Bitmap>,
}

impl BatchColumn {
    /// Whether row `row` has a value.
    #[inline]
    pub fn is_present(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|bits| bits.get(row))
    }
}

impl Batch {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// A copy of some of the rows.
    pub fn part(&self, range: Range<usize>) -> Batch {
        let part = |column: &BatchColumn| BatchColumn {
            words: column.words[range.clone()].to_vec(),
            present: column
                .present
                .as_ref()
                .map(|bits| Bitmap::from_fn(range.len(), |row| bits.get(range.start + row))),
        };
        Batch {
            times: self.times[range.clone()].to_vec(),
            columns: self.columns.iter().map(part).collect(),
            strings: self.strings.clone(),
        }
    }

    /// Keeps the rows whose bit in `keep` is 1.
    pub fn retain(&mut self, keep: &Bitmap) {
        retain(&mut self.times, keep);
        for column in &mut self.columns {
            if let Some(bits) = &mut column.present {
                bits.retain(keep);
            }
            retain(&mut column.words, keep);
        }
    }
}

fn retain<T>(values: &mut Vec<T>, keep: &Bitmap) {
    let mut row = 0;
    values.retain(|_| {
        row += 1;
        keep.get(row - 1)
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Batch, BatchColumn, Bitmap};
    use nodemon_formats::interner::Interner;

    #[test]
    fn dropping_rows_keeps_times_words_and_presence_together() {
        let present = Bitmap::from_fn(200, |row| row % 3 != 0);
        let column = BatchColumn { words: (0..200).collect(), present: Some(present) };
        let mut batch = Batch {
            times: (0..200).collect(),
            columns: vec![column],
            strings: Interner::default(),
        };
        batch.retain(&Bitmap::from_fn(200, |row| row % 2 == 1));
        assert_eq!(batch.len(), 100);
        for row in 0..100 {
            let was = row * 2 + 1;
            assert_eq!(batch.times[row], was as i64);
            assert_eq!(batch.columns[0].words[row], was as u64);
            assert_eq!(batch.columns[0].is_present(row), was % 3 != 0, "row {was}");
        }
    }
}
