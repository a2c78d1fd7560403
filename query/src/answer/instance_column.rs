//! The rows of one instance among those of all.

use super::growth::Previous;
use super::history::Standings;
use crate::rows::{BatchColumn, Bitmap};
use nodemon_formats::ColumnType;
use nodemon_formats::reader::{Cells, Presence, Words};
use std::ops::Range;

/// Every `stride`-th row of a column, from `offset` on: the rows of one instance.
pub struct InstanceColumn<'a> {
    /// The column.
    pub column: &'a mut BatchColumn,
    /// Instances in a sample.
    pub stride: usize,
    /// The instance's place among them.
    pub offset: usize,
}

impl InstanceColumn<'_> {
    /// Puts the values of rows of a chunk there.
    pub fn values(&mut self, cells: &Cells, range: Range<usize>) {
        let rows = self.column.words.chunks_exact_mut(self.stride);
        match &cells.words {
            Words::Constant(word) => rows.for_each(|row| row[self.offset] = *word),
            Words::Each(words) if self.stride == 1 => {
                self.column.words.copy_from_slice(&words[range.clone()]);
            }
            Words::Each(words) => {
                rows.zip(&words[range.clone()]).for_each(|(row, word)| row[self.offset] = *word);
            }
        }
        if cells.present != Presence::All {
            for (sample, row) in range.enumerate() {
                if !cells.present.at(row) {
                    self.clear(sample);
                }
            }
        }
    }

    /// Puts the rates there that the values of rows of a chunk come to.
    #[expect(clippy::too_many_arguments, reason = "the loop over rows is where time goes")]
    pub fn rates(
        &mut self,
        kind: ColumnType,
        cells: &Cells,
        boot_times: &[u64],
        range: Range<usize>,
        previous: &mut Previous,
        standings: &Standings,
        before_ns: u64,
    ) {
        for (sample, row) in range.enumerate() {
            let growth = match cells.present.at(row) {
                true => {
                    let before_ns = if row > 0 { boot_times[row - 1] } else { before_ns };
                    let (word, time) = (cells.words.at(row), boot_times[row]);
                    previous.advance(kind, word, time, standings.at(row), before_ns)
                }
                false => None,
            };
            match growth {
                Some(growth) => {
                    let at = sample * self.stride + self.offset;
                    self.column.words[at] = growth.per_s().to_bits();
                }
                None => self.clear(sample),
            }
        }
    }

    fn clear(&mut self, sample: usize) {
        let rows = self.column.words.len();
        let present = self.column.present.get_or_insert_with(|| Bitmap::filled(rows, true));
        present.set(sample * self.stride + self.offset, false);
    }
}
