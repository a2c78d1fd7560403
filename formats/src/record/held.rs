//! What a builder holds, for whoever wants to look at it before it is sent.

use super::RecordV1;
use crate::interner::Interner;
use std::ops::Range;

/// The samples, or events, that a [`RecordBuilder`](super::RecordBuilder) holds. Nothing is copied,
/// and what is not there is `None`, empty, or absent.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    body: &'a RecordV1,
    strings: &'a Interner,
    width: usize,
    key_width: usize,
}

impl<'a> Held<'a> {
    /// What is in `body` and `strings`, of a table with `width` cells a row and `key_width` key words
    /// an instance.
    pub(super) fn new(
        body: &'a RecordV1,
        strings: &'a Interner,
        (width, key_width): (usize, usize),
    ) -> Held<'a> {
        Held { body, strings, width, key_width }
    }

    /// Times of the samples, or events, `CLOCK_BOOTTIME` ns.
    pub fn times(&self) -> &'a [u64] {
        &self.body.times
    }

    /// The rows of a sample that was ended.
    pub fn rows_of(&self, sample: usize) -> Range<usize> {
        let ends = &self.body.row_ends;
        let Some(end) = ends.get(sample) else { return 0..0 };
        let start = sample.checked_sub(1).and_then(|before| ends.get(before)).copied();
        start.unwrap_or(0) as usize..*end as usize
    }

    /// The instance of a row, as a number within the record.
    pub fn instance(&self, row: usize) -> usize {
        self.body.rows.get(row).copied().unwrap_or(0) as usize
    }

    /// A key word of an instance; of text the number of the string.
    pub fn key(&self, instance: usize, key: usize) -> Option<u64> {
        let words = self.body.keys.get(instance * self.key_width..)?;
        words.get(..self.key_width)?.get(key).copied()
    }

    /// The word of a cell; `None` where it is absent. Of text the number of the string.
    pub fn cell(&self, row: usize, column: usize) -> Option<u64> {
        let cell = row * self.width + column;
        let bits = self.body.absent.get(cell / 64).copied().unwrap_or(0);
        let is_absent = bits >> (cell % 64) & 1 == 1;
        self.body.cells.get(cell).copied().filter(|_| !is_absent && column < self.width)
    }

    /// The string of a number.
    pub fn string(&self, number: u64) -> &'a [u8] {
        self.strings.at_word(number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::record::RecordBuilder;
    use crate::schema::{ColumnType, Schema, unit};

    #[test]
    fn what_was_put_in_is_there_before_it_is_sent_and_nothing_else() {
        let schema = Schema::sample("disk", "test", "Disks")
            .key("device", ColumnType::String, "which")
            .counter("reads", unit::COUNT, "how many")
            .counter("writes", unit::COUNT, "how many");
        let mut record = RecordBuilder::new(&schema);
        for (time, devices) in [(10, vec!["sda", "sdb"]), (20, vec!["sdb"]), (30, vec![])] {
            record.begin_sample(time);
            for device in devices {
                record.instance(|key| key.str(device));
                record.u64(time + device.len() as u64);
                record.absent();
            }
            record.end_sample();
        }
        let held = record.held();
        assert_eq!(held.times(), [10, 20, 30]);
        assert_eq!([0, 1, 2, 3].map(|sample| held.rows_of(sample)), [0..2, 2..3, 3..3, 0..0]);
        let device = |row| held.string(held.key(held.instance(row), 0).unwrap());
        assert_eq!((device(0), device(1), device(2)), (&b"sda"[..], &b"sdb"[..], &b"sdb"[..]));
        assert_eq!((held.cell(2, 0), held.cell(2, 1), held.cell(2, 2)), (Some(23), None, None));
        assert_eq!((held.cell(3, 0), held.key(2, 0), held.key(0, 1)), (None, None, None));
    }
}
