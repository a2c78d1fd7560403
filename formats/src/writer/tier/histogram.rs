//! What the histograms of a step come to.

use crate::histogram::Histogram;
use crate::record::RecordBuilder;

/// The sum of the histograms of one column of one instance.
#[derive(Clone)]
pub enum Merged {
    /// All of them together.
    Sum(Histogram),
    /// One was malformed. It is kept as it is, so that whoever reads the step is told.
    Malformed(Vec<u8>),
}

impl Merged {
    /// Adds the histogram of a cell.
    pub fn add(&mut self, cell: &[u8]) {
        if let Merged::Sum(sum) = self
            && sum.merge_cell(cell).is_err()
        {
            *self = Merged::Malformed(cell.to_vec());
        }
    }

    /// Puts it into a record, and its memory where it will be found again.
    pub fn put(self, record: &mut RecordBuilder, spare: &mut Vec<Histogram>) {
        match self {
            Merged::Sum(mut sum) => {
                record.histogram(&sum);
                sum.clear();
                spare.push(sum);
            }
            Merged::Malformed(bytes) => record.bytes(&bytes),
        }
    }
}
