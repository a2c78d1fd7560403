//! The order of values, for statistics.

use nodemon_formats::ColumnType;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// The smallest and the largest of some values, and how many rows have none.
///
/// Values are compared by a key: an unsigned integer that is ordered as the values are, so that one
/// loop serves all types.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    kind: ColumnType,
    /// Key of the smallest; above `max` while there was no value (or none but NaN).
    min: u64,
    max: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Values that are not a number, which have no place in the order.
    pub nans: u64,
}

const SIGN: u64 = 1 << 63;

impl Bounds {
    /// The type of the values.
    pub fn kind(&self) -> ColumnType {
        self.kind
    }

    /// Nothing seen yet.
    pub fn new(kind: ColumnType) -> Bounds {
        Bounds { kind, min: u64::MAX, max: 0, nulls: 0, nans: 0 }
    }

    /// Takes in the words of some values.
    pub fn add(&mut self, words: &[u64]) {
        match self.kind {
            ColumnType::U64 | ColumnType::Bool => self.widen(words, |word| word),
            ColumnType::I64 => self.widen(words, |word| word ^ SIGN),
            ColumnType::F64 => words.iter().for_each(|&word| {
                if f64::from_bits(word).is_nan() {
                    self.nans += 1;
                } else {
                    self.widen(&[word], key_of_f64);
                }
            }),
            // Their words are numbers in a dictionary, which knows the order.
            ColumnType::String | ColumnType::Bytes | ColumnType::Histogram => {}
        }
    }

    /// Four comparisons run side by side; one alone waits for the one before.
    fn widen(&mut self, words: &[u64], key: impl Fn(u64) -> u64) {
        let (fours, rest) = words.as_chunks::<4>();
        let mut mins = [self.min; 4];
        let mut maxs = [self.max; 4];
        for four in fours {
            for lane in 0..4 {
                let key = key(four[lane]);
                mins[lane] = mins[lane].min(key);
                maxs[lane] = maxs[lane].max(key);
            }
        }
        let rest = rest.iter().map(|word| key(*word));
        self.min = rest.clone().chain(mins).fold(self.min, u64::min);
        self.max = rest.chain(maxs).fold(self.max, u64::max);
    }

    /// Takes in what others have seen.
    pub fn merge(&mut self, other: &Bounds) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.nulls += other.nulls;
        self.nans += other.nans;
    }

    /// The words of the smallest and the largest value, where there are any.
    fn words(&self) -> Option<(u64, u64)> {
        let word = |key: u64| match self.kind {
            ColumnType::I64 => key ^ SIGN,
            ColumnType::F64 => word_of_f64(key),
            _ => key,
        };
        (self.min <= self.max).then(|| (word(self.min), word(self.max)))
    }

    /// Smallest and largest as the page index holds them.
    pub fn plain(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let bytes = |word: u64| match self.kind {
            ColumnType::Bool => vec![word as u8],
            _ => word.to_le_bytes().to_vec(),
        };
        self.words().map(|(min, max)| (bytes(min), bytes(max)))
    }

    /// The same as statistics of a chunk. Unsigned integers are stored as signed ones and ordered
    /// as unsigned ones.
    pub fn statistics(&self) -> Statistics {
        let nulls = Some(self.nulls);
        let words = self.words();
        let (min, max) = words.unzip();
        match self.kind {
            ColumnType::U64 | ColumnType::I64 => {
                let (min, max) = (min.map(u64::cast_signed), max.map(u64::cast_signed));
                let signed = self.kind == ColumnType::I64;
                ValueStatistics::new(min, max, None, nulls, false)
                    .with_backwards_compatible_min_max(signed)
                    .into()
            }
            ColumnType::F64 => {
                let (min, max) = (min.map(f64::from_bits), max.map(f64::from_bits));
                ValueStatistics::new(min, max, None, nulls, false)
                    .with_nan_count(Some(self.nans))
                    .into()
            }
            ColumnType::Bool => {
                let (min, max) = (min.map(|word| word != 0), max.map(|word| word != 0));
                ValueStatistics::new(min, max, None, nulls, false).into()
            }
            ColumnType::String | ColumnType::Bytes | ColumnType::Histogram => {
                Statistics::byte_array(None, None, None, nulls, false)
            }
        }
    }
}

/// Negative doubles are ordered backwards by their bits.
fn key_of_f64(word: u64) -> u64 {
    if word & SIGN == 0 { word | SIGN } else { !word }
}

fn word_of_f64(key: u64) -> u64 {
    if key & SIGN == 0 { !key } else { key & !SIGN }
}
