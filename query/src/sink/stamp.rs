//! Times for programs: RFC 3339 in UTC with nine digits of the fraction.

use super::cursor::eight_digits;
use crate::time::Stamp;
use jiff::tz::TimeZone;
use nodemon_formats::narrow::low_half;

/// Writes times like `2026-11-20T03:12:07.001000000Z`, of which only the fraction changes from row
/// to row most of the time.
#[derive(Clone)]
pub struct Rfc3339 {
    second: Option<i64>,
    nanosecond: u32,
    text: [u8; Rfc3339::LENGTH],
}

const FRACTION: usize = 20;

impl Default for Rfc3339 {
    fn default() -> Rfc3339 {
        Rfc3339 { second: None, nanosecond: 0, text: *b"0000-00-00T00:00:00.000000000Z" }
    }
}

impl Rfc3339 {
    /// Bytes of a time.
    pub const LENGTH: usize = 30;

    /// The text of `time`, ns since the epoch.
    #[inline]
    pub fn text(&mut self, time: i64) -> &[u8; Rfc3339::LENGTH] {
        let second = time.div_euclid(1_000_000_000);
        let nanosecond = low_half(time.rem_euclid(1_000_000_000).cast_unsigned());
        if self.second != Some(second) {
            self.second = Some(second);
            let stamp = Stamp::from_ns(second.saturating_mul(1_000_000_000), &TimeZone::UTC);
            let text = format!("{}T{}", stamp.date, stamp.clock(0));
            self.text[..FRACTION - 1].copy_from_slice(text.as_bytes());
        }
        if self.nanosecond != nanosecond {
            self.nanosecond = nanosecond;
            self.text[FRACTION] = b'0' + (nanosecond / 100_000_000) as u8;
            let eight = eight_digits(u64::from(nanosecond % 100_000_000));
            self.text[FRACTION + 1..FRACTION + 9].copy_from_slice(&eight);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::Rfc3339;
    use jiff::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_read_back_as_the_same_nanosecond_in_whatever_order_they_come(
            times in prop::collection::vec(any::<i64>(), 1..20),
            steps in prop::collection::vec(0..3_000_000_000i64, 1..20),
        ) {
            let mut stamps = Rfc3339::default();
            let near = steps.iter().map(|step| times[0].saturating_add(*step));
            for time in times.iter().copied().chain(near) {
                let text = std::str::from_utf8(stamps.text(time)).unwrap().to_owned();
                let read: Timestamp = text.parse().unwrap();
                prop_assert_eq!(read.as_nanosecond(), i128::from(time), "{}", text);
            }
        }
    }
}
