//! The strings of a batch, formatted once and copied from there into every row.

use crate::rows::{Batch, Bitmap, Field};
use nodemon_formats::ColumnType;
use nodemon_formats::narrow::index;

/// What the strings of a batch that are of one type look like in a format.
#[derive(Default)]
pub struct Formatted {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    longest: usize,
}

impl Formatted {
    /// Formats the strings of the columns of type `kind` with `format`, which appends. The columns of
    /// `batch` are described by `fields`.
    pub fn fill(
        &mut self,
        batch: &Batch,
        fields: &[Field],
        kind: ColumnType,
        format: impl Fn(&[u8], &mut Vec<u8>),
    ) {
        self.bytes.clear();
        self.ends.clear();
        self.longest = 0;
        let mut kinds = fields.iter().map(|field| field.kind).filter(|kind| kind.is_dictionary());
        if !kinds.clone().any(|other| other == kind) {
            return;
        }
        // All types share the numbers: a key is not formatted as a histogram, nor the other way.
        let used = (!kinds.all(|other| other == kind)).then(|| numbers_of(batch, fields, kind));
        for number in 0..batch.strings.len() {
            if used.as_ref().is_none_or(|used| used.get(number)) {
                format(batch.strings.at_word(number as u64), &mut self.bytes);
            }
            let start = self.ends.last().copied().unwrap_or(0);
            self.longest = self.longest.max(self.bytes.len() - start);
            self.ends.push(self.bytes.len());
        }
    }

    /// The most bytes that one of them takes.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// What the string of that number looks like; empty when there is none.
    #[inline]
    pub fn get(&self, number: u64) -> &[u8] {
        let number = index(number);
        let Some(&end) = self.ends.get(number) else { return &[] };
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..end]
    }
}

/// The numbers of strings that columns of type `kind` have.
fn numbers_of(batch: &Batch, fields: &[Field], kind: ColumnType) -> Bitmap {
    let mut used = Bitmap::filled(batch.strings.len(), false);
    for (column, field) in batch.columns.iter().zip(fields) {
        if field.kind != kind {
            continue;
        }
        for &word in &column.words {
            // Where a value is absent the word may be of no string.
            if index(word) < used.len() {
                used.set(index(word), true);
            }
        }
    }
    used
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::Formatted;
    use crate::columnar::arbitrary::header;
    use crate::rows::{Batch, BatchColumn};
    use nodemon_formats::ColumnType::{Bytes, Histogram, String, U64};

    #[test]
    fn only_strings_of_the_type_are_formatted_though_all_share_their_numbers() {
        let mut batch = Batch { times: vec![0; 2], ..Batch::default() };
        let mut numbers = |texts: [&[u8]; 2]| BatchColumn {
            words: texts.map(|text| batch.strings.intern(text).into()).to_vec(),
            present: None,
        };
        let columns = vec![numbers([b"sda", b"both"]), numbers([b"both", b"a long cell"])];
        batch.columns = columns;
        batch.columns.push(BatchColumn { words: vec![7, u64::MAX], present: None });
        let header = header(&[String, Histogram, U64]);
        let mut formatted = Formatted::default();
        let mut all = |kind| {
            formatted.fill(&batch, &header.fields, kind, |text, out| out.extend_from_slice(text));
            let texts: Vec<_> = (0..3).map(|number| formatted.get(number).to_vec()).collect();
            (texts, formatted.longest())
        };
        assert_eq!(all(String), (vec![b"sda".to_vec(), b"both".to_vec(), Vec::new()], 4));
        let cells = vec![Vec::new(), b"both".to_vec(), b"a long cell".to_vec()];
        assert_eq!(all(Histogram), (cells, 11));
        assert_eq!(all(Bytes), (vec![Vec::new(); 3], 0), "there is no such column");
    }
}
