//! Answers, in columns: what every question yields and every format writes down.

mod batch;
mod bitmap;
mod format;
mod header;
mod missing;

pub use batch::{Batch, BatchColumn};
pub use bitmap::Bitmap;
pub use format::{Format, Look, SinkOptions};
pub use header::{Field, Header, Role, TIME};
pub use missing::Missing;

use crate::error::QueryError;
use nodemon_formats::ColumnType;

/// Takes the rows of an answer, in order of time, and writes them down in one format.
pub trait Sink {
    /// The next rows.
    ///
    /// # Errors
    /// When they cannot be written.
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError>;

    /// A gap. It lies after every row so far that is not later than its start.
    ///
    /// # Errors
    /// When it cannot be written.
    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError>;

    /// There is no more: writes what is still held back and gives the output its final name.
    ///
    /// # Errors
    /// When that cannot be done.
    fn finish(&mut self) -> Result<(), QueryError>;
}

/// A word of a column of type `kind` as a number; of text it means nothing.
#[inline]
pub fn as_f64(kind: ColumnType, word: u64) -> f64 {
    match kind {
        ColumnType::F64 => f64::from_bits(word),
        ColumnType::I64 => word.cast_signed() as f64,
        _ => word as f64,
    }
}
