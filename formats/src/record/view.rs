//! Reads a record in place.

use super::{ArchivedRecordV1, RECORD_MAGIC, RECORD_VERSION, offset};
use rkyv::rend::{u32_le, u64_le};

/// What is wrong with the bytes of a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Too short, or not a record.
    #[error("these bytes are not a record")]
    NotARecord,
    /// Written by another version.
    #[error("the record has version {found}, this build reads version {RECORD_VERSION}")]
    Version {
        /// The version that stands there.
        found: u32,
    },
    /// The archive does not validate.
    #[error("the record's archive is damaged: {0}")]
    Archive(rkyv::rancor::Error),
    /// The parts of the record contradict each other or its schema.
    #[error("the record contradicts itself: {0}")]
    Shape(&'static str),
}

/// A validated record. Every index that its methods take from the record is in bounds.
#[derive(Clone, Copy)]
pub struct RecordView<'a> {
    schema: u32,
    body: &'a ArchivedRecordV1,
    width: usize,
}

impl<'a> RecordView<'a> {
    /// The number of the table a record belongs to, without validating the rest.
    pub fn schema_of(bytes: &[u8]) -> Option<u32> {
        let prefix = bytes.get(..offset::ARCHIVE)?;
        Some(u32::from_le_bytes(prefix[offset::SCHEMA..][..4].try_into().ok()?))
    }

    /// Validates the record in `bytes`, which must be aligned to 16 bytes, against the shape of its
    /// table: `width` cells a row, `key_width` key words an instance.
    ///
    /// # Errors
    /// [`RecordError`] says what does not fit.
    pub fn access(
        bytes: &'a [u8],
        width: usize,
        key_width: usize,
    ) -> Result<RecordView<'a>, RecordError> {
        let prefix = bytes.get(..offset::ARCHIVE).ok_or(RecordError::NotARecord)?;
        let word = |at: usize| {
            u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]])
        };
        if word(offset::MAGIC) != RECORD_MAGIC {
            return Err(RecordError::NotARecord);
        }
        if word(offset::VERSION) != RECORD_VERSION {
            return Err(RecordError::Version { found: word(offset::VERSION) });
        }
        let body = rkyv::access::<ArchivedRecordV1, rkyv::rancor::Error>(&bytes[offset::ARCHIVE..])
            .map_err(RecordError::Archive)?;
        let view = RecordView { schema: word(offset::SCHEMA), body, width };
        view.check(width, key_width)?;
        Ok(view)
    }

    fn check(&self, width: usize, key_width: usize) -> Result<(), RecordError> {
        let shape = |ok: bool, what| if ok { Ok(()) } else { Err(RecordError::Shape(what)) };
        let body = self.body;
        let instances = self.instances();
        let samples = body.times.len();
        shape(body.keys.len() == instances * key_width, "keys do not fit the instances")?;
        shape(key_width > 0 || instances <= 1, "several instances without keys")?;
        let rows = if self.is_uniform() {
            shape(body.rows.is_empty(), "rows without row ends")?;
            samples * instances
        } else {
            shape(body.row_ends.len() == samples, "not one row end for each sample")?;
            let mut before = 0;
            for end in body.row_ends.iter() {
                shape(end.to_native() >= before, "row ends go back")?;
                before = end.to_native();
            }
            shape(before as usize == body.rows.len(), "rows beyond the last sample")?;
            shape(
                body.rows.iter().all(|row| (row.to_native() as usize) < instances),
                "a row names no instance",
            )?;
            shape(self.has_each_instance_once(), "a sample has an instance twice")?;
            body.rows.len()
        };
        shape(body.cells.len() == rows * width, "cells do not fit the rows")?;
        shape(
            body.absent.is_empty() || body.absent.len() <= body.cells.len().div_ceil(64),
            "more absent bits than cells",
        )?;
        let mut before = 0;
        for end in body.string_ends.iter() {
            shape(end.to_native() >= before, "string ends go back")?;
            before = end.to_native();
        }
        shape(before as usize == body.string_bytes.len(), "string bytes beyond the last string")
    }

    fn has_each_instance_once(&self) -> bool {
        let mut seen_in = vec![0usize; self.instances()];
        let mut start = 0;
        self.body.row_ends.iter().enumerate().all(|(sample, end)| {
            let rows = &self.body.rows.as_slice()[start..end.to_native() as usize];
            start = end.to_native() as usize;
            rows.iter().all(|row| {
                std::mem::replace(&mut seen_in[row.to_native() as usize], sample + 1) != sample + 1
            })
        })
    }

    fn is_uniform(&self) -> bool {
        self.body.row_ends.is_empty()
    }

    /// The number under which the writer knows the table.
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// Times of the samples, `CLOCK_BOOTTIME` ns.
    pub fn times(&self) -> &'a [u64_le] {
        self.body.times.as_slice()
    }

    /// How many instances the record knows.
    pub fn instances(&self) -> usize {
        self.body.instances.to_native() as usize
    }

    /// Key words of all instances, one instance after the other.
    pub fn keys(&self) -> &'a [u64_le] {
        self.body.keys.as_slice()
    }

    /// Cells of all rows, one row after the other.
    pub fn cells(&self) -> &'a [u64_le] {
        self.body.cells.as_slice()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        if self.is_uniform() { self.times().len() * self.instances() } else { self.body.rows.len() }
    }

    /// The instance of each row of every sample, and where each sample's rows end; `None` when
    /// every sample has every instance in order.
    pub fn row_instances(&self) -> Option<(&'a [u32_le], &'a [u32_le])> {
        (!self.is_uniform()).then(|| (self.body.rows.as_slice(), self.body.row_ends.as_slice()))
    }

    /// Whether any cell is absent.
    pub fn has_absent(&self) -> bool {
        !self.body.absent.is_empty()
    }

    /// Whether the cell is absent.
    pub fn is_absent(&self, row: usize, column: usize) -> bool {
        let cell = row * self.width + column;
        self.body.absent.get(cell / 64).is_some_and(|bits| bits.to_native() >> (cell % 64) & 1 == 1)
    }

    /// How many strings there are.
    pub fn strings(&self) -> usize {
        self.body.string_ends.len()
    }

    /// The string of an index; empty when there is none.
    pub fn string(&self, index: usize) -> &'a [u8] {
        let ends = self.body.string_ends.as_slice();
        let Some(end) = ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { ends[index - 1].to_native() };
        let bytes = self.body.string_bytes.as_slice();
        bytes.get(start as usize..end.to_native() as usize).unwrap_or_default()
    }
}
