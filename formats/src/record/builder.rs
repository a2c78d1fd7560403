//! Puts samples into a record. Allocates only while its buffers grow to their working size.

use super::held::Held;
use super::{RECORD_MAGIC, RECORD_VERSION, RecordV1, offset};
use crate::histogram::Histogram;
use crate::interner::Interner;
use crate::memory::Lately;
use crate::narrow::count32;
use crate::schema::{Schema, TableKind};
use rkyv::util::AlignedVec;

/// Builds records of one table, one after the other.
///
/// ```
/// use nodemon_formats::{Schema, ColumnType, schema::unit, record::RecordBuilder};
/// let schema = Schema::sample("cpu", "/proc/stat", "Time in each state")
///     .key("cpu", ColumnType::U64, "number of the CPU")
///     .counter("user_ns", unit::NS, "running user code")
///     .counter("system_ns", unit::NS, "running the kernel");
/// let mut record = RecordBuilder::new(&schema);
/// record.begin_sample(1_000);
/// record.instance(|key| key.u64(0));
/// record.u64(7);
/// record.u64(9);
/// record.end_sample();
/// assert_eq!(record.rows(), 1);
/// ```
pub struct RecordBuilder {
    kind: TableKind,
    width: usize,
    key_width: usize,
    body: RecordV1,
    strings: Interner,
    /// The bytes of the histogram that was put in last.
    cell: Vec<u8>,
    /// Rows of the sample under construction, which is the instance expected next.
    rows_in_sample: usize,
    /// Whether each sample's rows so far were the instances in order.
    in_order: bool,
    /// Rows at the front of the sample that were the instances in order, and the instances behind
    /// those: for each the number of the sample that had it last.
    ordered: usize,
    had_by: Vec<u32>,
    /// Whether the row that was begun last is of an instance that the sample had already.
    is_repeated: bool,
    /// Rows that were left out for that since this was made.
    repeated: u64,
    /// Whether a sample was begun and not ended.
    open: bool,
    row_count: usize,
    key: Vec<u64>,
    /// Numbers of instances by their key words.
    lookup: Interner,
    lookup_words: Vec<u8>,
    /// How large records were.
    lately: Lately,
}

impl RecordBuilder {
    /// A builder for records of `schema`.
    pub fn new(schema: &Schema) -> RecordBuilder {
        RecordBuilder {
            kind: schema.kind,
            width: schema.row_width(),
            key_width: schema.key_width(),
            body: RecordV1::default(),
            strings: Interner::default(),
            cell: Vec::new(),
            rows_in_sample: 0,
            in_order: true,
            ordered: 0,
            had_by: Vec::new(),
            is_repeated: false,
            repeated: 0,
            open: false,
            row_count: 0,
            key: Vec::new(),
            lookup: Interner::default(),
            lookup_words: Vec::new(),
            lately: Lately::default(),
        }
    }

    /// Starts a sample taken at `time_ns` (`CLOCK_BOOTTIME`). For a table without keys the row
    /// is open at once; otherwise call [`RecordBuilder::instance`] before each row.
    pub fn begin_sample(&mut self, time_ns: u64) {
        debug_assert_eq!(self.kind, TableKind::Sample, "events are begun with begin_event");
        self.body.times.push(time_ns);
        self.rows_in_sample = 0;
        self.ordered = 0;
        self.open = true;
        if self.key_width == 0 {
            self.instance(|_| ());
        }
    }

    /// Starts an event that happened at `time_ns`. Its key columns come first, then its values.
    pub fn begin_event(&mut self, time_ns: u64) {
        debug_assert_eq!(self.kind, TableKind::Event, "samples are begun with begin_sample");
        self.body.times.push(time_ns);
        self.body.instances = 1;
        self.row_count += 1;
        self.open = true;
    }

    /// Starts the row of the instance whose keys `fill` gives, in the order of the schema. The second
    /// row of an instance within a sample is left out.
    pub fn instance(&mut self, fill: impl FnOnce(&mut KeyFiller<'_>)) {
        self.leave_repeated_out();
        self.key.clear();
        let mut filler = KeyFiller { words: &mut self.key, strings: &mut self.strings };
        fill(&mut filler);
        self.key.resize(self.key_width, 0);
        let instance = self.number_of_instance();
        let is_next = instance == self.rows_in_sample;
        if is_next && self.ordered == self.rows_in_sample {
            self.ordered += 1;
        } else {
            self.is_repeated = self.has_had(instance);
        }
        self.in_order &= is_next;
        self.body.rows.push(count32(instance));
        self.rows_in_sample += 1;
        self.row_count += 1;
    }

    /// Whether the sample has had this instance, which it has from now on.
    fn has_had(&mut self, instance: usize) -> bool {
        let sample = count32(self.body.times.len());
        if self.had_by.len() <= instance {
            self.had_by.resize(instance + 1, 0);
        }
        instance < self.ordered || std::mem::replace(&mut self.had_by[instance], sample) == sample
    }

    /// Takes the last row back out if the sample had its instance already.
    fn leave_repeated_out(&mut self) {
        if !std::mem::take(&mut self.is_repeated) {
            return;
        }
        self.repeated += 1;
        self.rows_in_sample -= 1;
        self.row_count -= 1;
        self.cut_to_rows();
    }

    /// How many rows were left out because their sample had their instance already.
    pub fn repeated_rows(&self) -> u64 {
        self.repeated
    }

    /// Ends the sample.
    pub fn end_sample(&mut self) {
        self.leave_repeated_out();
        debug_assert_eq!(
            self.body.cells.len(),
            self.row_count * self.width,
            "a row has as many cells as its schema has columns"
        );
        self.body.row_ends.push(count32(self.body.rows.len()));
        self.open = false;
    }

    /// Ends the event.
    pub fn end_event(&mut self) {
        debug_assert_eq!(self.body.cells.len(), self.row_count * self.width);
        self.open = false;
    }

    /// Whether a sample (or event) was begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Takes the sample (or event) that was begun last back out, whether it was ended or not. Of
    /// use when a read fails half way.
    pub fn abandon_sample(&mut self) {
        if self.body.times.pop().is_none() {
            return;
        }
        self.row_count = match self.kind {
            TableKind::Sample => {
                if !self.open {
                    self.body.row_ends.pop();
                }
                self.body.row_ends.last().copied().unwrap_or(0) as usize
            }
            TableKind::Event => self.body.times.len(),
        };
        self.open = false;
        self.is_repeated = false;
        // The next sample has the number of this one.
        self.had_by.clear();
        self.cut_to_rows();
    }

    /// Cuts off what is behind the rows that count.
    fn cut_to_rows(&mut self) {
        self.body.rows.truncate(self.row_count);
        let cells = self.row_count * self.width;
        self.body.cells.truncate(cells);
        self.body.absent.truncate(cells.div_ceil(64));
        if let Some(last) = self.body.absent.last_mut()
            && !cells.is_multiple_of(64)
        {
            *last &= (1 << (cells % 64)) - 1;
        }
    }

    /// The next cell: an unsigned integer.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.body.cells.push(value);
    }

    /// The next cell: a signed integer.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.body.cells.push(value.cast_unsigned());
    }

    /// The next cell: a double.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        self.body.cells.push(value.to_bits());
    }

    /// The next cell: a truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.body.cells.push(u64::from(value));
    }

    /// The next cell: text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The next cell: bytes, or text that the kernel gave and nobody checked.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        let index = self.strings.intern(value);
        self.body.cells.push(u64::from(index));
    }

    /// The next cell: a stack, as [`crate::stack`] has it.
    #[inline]
    pub fn stack(&mut self, cell: &[u8]) {
        self.bytes(cell);
    }

    /// The next cell: a histogram. One without values is not absent: nothing happened.
    pub fn histogram(&mut self, value: &Histogram) {
        self.cell.clear();
        value.encode(&mut self.cell);
        let index = self.strings.intern(&self.cell);
        self.body.cells.push(u64::from(index));
    }

    /// The next cell could not be had.
    pub fn absent(&mut self) {
        let cell = self.body.cells.len();
        self.body.cells.push(0);
        if self.body.absent.len() <= cell / 64 {
            self.body.absent.resize(cell / 64 + 1, 0);
        }
        self.body.absent[cell / 64] |= 1 << (cell % 64);
    }

    /// The next cell: an unsigned integer, or absent.
    #[inline]
    pub fn opt_u64(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.u64(value),
            None => self.absent(),
        }
    }

    /// What it holds, to be looked at.
    pub fn held(&self) -> Held<'_> {
        Held::new(&self.body, &self.strings, (self.width, self.key_width))
    }

    /// How many samples (or events) the record holds.
    pub fn samples(&self) -> usize {
        self.body.times.len()
    }

    /// How many rows it holds: of a sample table, one for each instance of each sample.
    pub fn rows(&self) -> usize {
        self.row_count
    }

    /// Time of the first and the last sample, if there is one.
    pub fn span_ns(&self) -> Option<(u64, u64)> {
        Some((*self.body.times.first()?, *self.body.times.last()?))
    }

    /// About how many bytes the record will take.
    pub fn size_bytes(&self) -> usize {
        self.body.cells.len() * 8 + self.body.keys.len() * 8 + self.strings.size_bytes()
    }

    /// Archives the record into `out`, which is cleared first, and starts a new one. `schema` is
    /// the number under which the writer knows the table.
    ///
    /// # Errors
    /// rkyv's, when memory cannot be had; the record is dropped then.
    pub fn finish(&mut self, schema: u32, out: &mut AlignedVec) -> Result<(), rkyv::rancor::Error> {
        out.clear();
        out.extend_from_slice(&RECORD_MAGIC.to_le_bytes());
        out.extend_from_slice(&RECORD_VERSION.to_le_bytes());
        out.extend_from_slice(&schema.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        debug_assert_eq!(out.len(), offset::ARCHIVE);
        let all = self.body.times.len() * self.body.instances as usize;
        if self.in_order && self.row_count == all {
            self.body.rows.clear();
            self.body.row_ends.clear();
        }
        (self.body.string_ends, self.body.string_bytes) = self.strings.take_parts();
        let buffer = std::mem::take(out);
        let archived = rkyv::api::high::to_bytes_in::<_, rkyv::rancor::Error>(&self.body, buffer);
        let body = &mut self.body;
        let strings =
            (std::mem::take(&mut body.string_ends), std::mem::take(&mut body.string_bytes));
        self.strings.put_parts(strings);
        self.clear();
        *out = archived?;
        Ok(())
    }

    /// Forgets everything, keeps the memory that records like those of late will need.
    pub fn clear(&mut self) {
        if self.lately.is_too_large_for(self.size_bytes()) {
            self.body = RecordV1::default();
            self.strings = Interner::default();
            self.lookup = Interner::default();
            self.had_by = Vec::new();
        }
        let body = &mut self.body;
        body.times.clear();
        body.keys.clear();
        body.instances = 0;
        body.rows.clear();
        body.row_ends.clear();
        body.cells.clear();
        body.absent.clear();
        self.strings.clear();
        self.lookup.clear();
        self.rows_in_sample = 0;
        self.in_order = true;
        self.ordered = 0;
        self.had_by.clear();
        self.is_repeated = false;
        self.open = false;
        self.row_count = 0;
    }

    /// The number of the instance in `self.key`: usually the next one in order.
    fn number_of_instance(&mut self) -> usize {
        let width = self.key_width;
        let count = self.body.instances as usize;
        let at = self.rows_in_sample;
        if at < count {
            // Word by word: a call to compare a word or two of memory costs more than the words.
            let expected = &self.body.keys[at * width..(at + 1) * width];
            if expected.iter().zip(&self.key).all(|(expected, word)| expected == word) {
                return at;
            }
        }
        self.lookup_words.clear();
        for word in &self.key {
            self.lookup_words.extend_from_slice(&word.to_le_bytes());
        }
        let number = self.lookup.intern(&self.lookup_words) as usize;
        if number == count {
            self.body.keys.extend_from_slice(&self.key);
            self.body.instances += 1;
        }
        number
    }
}

/// Takes the key words of one instance.
pub struct KeyFiller<'a> {
    words: &'a mut Vec<u64>,
    strings: &'a mut Interner,
}

impl KeyFiller<'_> {
    /// The next key: an unsigned integer.
    pub fn u64(&mut self, value: u64) {
        self.words.push(value);
    }

    /// The next key: text.
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The next key: bytes, or text that the kernel gave and nobody checked.
    pub fn bytes(&mut self, value: &[u8]) {
        self.words.push(u64::from(self.strings.intern(value)));
    }
}

#[cfg(test)]
mod tests;
