//! Gauges of a step: the smallest, the largest and the mean.

use crate::record::RecordBuilder;
use crate::schema::ColumnType;

/// What a gauge has come to in the step that is being gathered.
#[derive(Clone, Copy, Default)]
pub struct Gauge {
    /// Smallest and largest, as they came.
    min: u64,
    max: u64,
    sum: f64,
    count: u64,
}

impl Gauge {
    /// Adds a value of a gauge of type `kind`.
    pub fn add(&mut self, kind: ColumnType, word: u64) {
        let value = number(kind, word);
        if self.count == 0 || value < number(kind, self.min) {
            self.min = word;
        }
        if self.count == 0 || value > number(kind, self.max) {
            self.max = word;
        }
        self.sum += value;
        self.count += 1;
    }

    /// Writes its three columns, absent ones where there was no value.
    pub fn put(&self, record: &mut RecordBuilder) {
        if self.count == 0 {
            (0..3).for_each(|_| record.absent());
        } else {
            record.u64(self.min);
            record.u64(self.max);
            record.f64(self.sum / self.count as f64);
        }
    }
}

fn number(kind: ColumnType, word: u64) -> f64 {
    match kind {
        ColumnType::I64 => word.cast_signed() as f64,
        ColumnType::F64 => f64::from_bits(word),
        _ => word as f64,
    }
}
