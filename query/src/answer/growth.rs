//! How counters grow from sample to sample: [`nodemon_formats::growth`], with the time it took.

use crate::rows::as_f64;
use nodemon_formats::ColumnType;
use nodemon_formats::growth::{Standing, between, from_zero};

/// How much a counter grew over which time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Growth {
    /// By how much; exact below 2^53.
    pub by: f64,
    /// Nanoseconds of `CLOCK_BOOTTIME` it took.
    pub ns: u64,
}

impl Growth {
    /// The growth a second.
    #[inline]
    pub fn per_s(self) -> f64 {
        self.by * 1e9 / self.ns as f64
    }
}

/// The last value of a counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Previous {
    word: u64,
    time_ns: u64,
    known: bool,
}

impl Previous {
    /// Remembers a value of which no growth is wanted.
    #[inline]
    pub fn remember(&mut self, word: u64, time_ns: u64) {
        *self = Previous { word, time_ns, known: true };
    }

    /// Takes in the last value of a step of a tier that knows no more, and tells the growth since
    /// the step before, unless that was more than `longest_ns` earlier.
    pub fn pair(
        &mut self,
        kind: ColumnType,
        word: u64,
        time_ns: u64,
        longest_ns: u64,
    ) -> Option<Growth> {
        let last = std::mem::replace(self, Previous { word, time_ns, known: true });
        let ns = time_ns.checked_sub(last.time_ns).filter(|ns| *ns > 0 && *ns <= longest_ns)?;
        let by = between(kind, last.word, word).filter(|_| last.known)?;
        Some(Growth { by: as_f64(kind, by), ns })
    }

    /// Takes in the value in the sample at `time_ns` of an instance that stands so to the sample
    /// before, and tells the growth since. There is none across a sample in which the instance was
    /// and the value was not.
    #[inline]
    pub fn advance(
        &mut self,
        kind: ColumnType,
        word: u64,
        time_ns: u64,
        standing: Standing,
        before_ns: u64,
    ) -> Option<Growth> {
        let last = std::mem::replace(self, Previous { word, time_ns, known: true });
        let (by, since_ns) = match standing {
            Standing::Continues if last.known && last.time_ns == before_ns => {
                (between(kind, last.word, word)?, before_ns)
            }
            Standing::Bridges if last.known => (between(kind, last.word, word)?, last.time_ns),
            Standing::Began => (from_zero(kind, word)?, before_ns),
            _ => return None,
        };
        let ns = time_ns.checked_sub(since_ns).filter(|ns| *ns > 0)?;
        Some(Growth { by: as_f64(kind, by), ns })
    }
}

/// Whether a counter never goes down, and says nowhere that it does not know.
pub fn only_grows(kind: ColumnType, words: &[u64]) -> bool {
    match kind {
        ColumnType::U64 => words.is_sorted() && words.last() != Some(&u64::MAX),
        ColumnType::I64 => words.is_sorted_by_key(|word| word.cast_signed()),
        _ => words.windows(2).all(|pair| f64::from_bits(pair[0]) <= f64::from_bits(pair[1])),
    }
}

#[cfg(test)]
mod tests {
    use super::{Growth, Previous, only_grows};
    use nodemon_formats::ColumnType;
    use nodemon_formats::growth::Standing;

    #[test]
    fn growth_is_told_since_the_sample_before_and_from_zero_for_what_began() {
        let mut previous = Previous::default();
        let mut take = |word, time, standing, before| {
            previous.advance(ColumnType::U64, word, time, standing, before)
        };
        assert_eq!(take(5, 10, Standing::Began, 4), Some(Growth { by: 5.0, ns: 6 }));
        assert_eq!(take(8, 20, Standing::Continues, 10), Some(Growth { by: 3.0, ns: 10 }));
        assert_eq!(take(9, 40, Standing::Continues, 30), None, "it had no value at 30");
        assert_eq!(take(11, 60, Standing::Bridges, 50), Some(Growth { by: 2.0, ns: 20 }));
        assert_eq!(take(12, 70, Standing::Unknown, 60), None);
    }

    #[test]
    fn growth_is_told_from_decline_in_every_type() {
        let float = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(only_grows(ColumnType::U64, &[1, 1, u64::MAX - 1]));
        assert!(!only_grows(ColumnType::U64, &[1, 0]));
        assert!(!only_grows(ColumnType::U64, &[1, u64::MAX]), "-1");
        assert!(only_grows(ColumnType::I64, &[u64::MAX, 0, 1]), "-1, 0, 1");
        assert!(only_grows(ColumnType::F64, &float(&[-1.0, 0.0, 2.5])));
        assert!(!only_grows(ColumnType::F64, &float(&[1.0, f64::NAN, 2.0])));
    }
}
