//! How counters grow from sample to sample.

use nodemon_formats::ColumnType;

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

/// The sample before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Previous {
    word: u64,
    time_ns: u64,
    known: bool,
}

impl Previous {
    /// Takes in the next sample and tells the growth since the one before it.
    ///
    /// There is none where a counter went down: it was reset, or it wrapped, and nothing tells which
    /// from where. There is none either where time did not advance (a reboot starts it anew), or by
    /// more than `longest_ns`.
    #[inline]
    pub fn advance(
        &mut self,
        kind: ColumnType,
        word: u64,
        time_ns: u64,
        longest_ns: u64,
    ) -> Option<Growth> {
        let before = std::mem::replace(self, Previous { word, time_ns, known: true });
        let ns = time_ns.checked_sub(before.time_ns).filter(|ns| *ns > 0 && *ns <= longest_ns)?;
        if !before.known {
            return None;
        }
        Some(Growth { by: difference(kind, before.word, word)?, ns })
    }
}

/// `later - earlier`, where that is not negative.
#[inline]
pub fn difference(kind: ColumnType, earlier: u64, later: u64) -> Option<f64> {
    match kind {
        ColumnType::F64 => {
            Some(f64::from_bits(later) - f64::from_bits(earlier)).filter(|by| *by >= 0.0)
        }
        ColumnType::I64 => {
            let by = i128::from(later.cast_signed()) - i128::from(earlier.cast_signed());
            (by >= 0).then_some(by as f64)
        }
        _ => later.checked_sub(earlier).map(|by| by as f64),
    }
}

/// Whether a counter never goes down.
pub fn only_grows(kind: ColumnType, words: &[u64]) -> bool {
    match kind {
        ColumnType::U64 => words.is_sorted(),
        ColumnType::I64 => words.is_sorted_by_key(|word| word.cast_signed()),
        _ => words.windows(2).all(|pair| difference(kind, pair[0], pair[1]).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Growth, Previous, only_grows};
    use nodemon_formats::ColumnType;

    const MINUTE: u64 = 60_000_000_000;

    fn growths(samples: &[(u64, u64)]) -> Vec<Option<Growth>> {
        let mut previous = Previous::default();
        let step = |(word, time)| previous.advance(ColumnType::U64, word, time, MINUTE);
        samples.iter().copied().map(step).collect()
    }

    #[test]
    fn a_counter_that_was_reset_or_wrapped_has_no_rate_for_one_sample_and_never_a_spike() {
        let wrapped = growths(&[(u64::from(u32::MAX), 1), (4, 2), (6, 3)]);
        assert_eq!(wrapped, [None, None, Some(Growth { by: 2.0, ns: 1 })]);
    }

    #[test]
    fn a_reboot_a_standstill_and_a_long_silence_have_no_rate() {
        assert_eq!(growths(&[(5, 1000), (6, 10)]), [None, None], "boot time began anew");
        assert_eq!(growths(&[(5, 10), (6, 10)]), [None, None], "no time went by");
        assert_eq!(growths(&[(5, 10), (6, 11 + MINUTE)]), [None, None], "a minute and more");
        assert_eq!(growths(&[(5, 0), (6, MINUTE)])[1], Some(Growth { by: 1.0, ns: MINUTE }));
    }

    #[test]
    fn growth_is_told_from_decline_in_every_type() {
        let float = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(only_grows(ColumnType::U64, &[1, 1, u64::MAX]));
        assert!(!only_grows(ColumnType::U64, &[1, 0]));
        assert!(only_grows(ColumnType::I64, &[u64::MAX, 0, 1]), "-1, 0, 1");
        assert!(only_grows(ColumnType::F64, &float(&[-1.0, 0.0, 2.5])));
        assert!(!only_grows(ColumnType::F64, &float(&[1.0, f64::NAN, 2.0])));
    }
}
