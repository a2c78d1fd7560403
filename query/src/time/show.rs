//! Instants for people.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// An instant in a zone, to the second: `2026-11-20 03:12:07`.
pub fn show_instant(ns: i64, zone: &TimeZone) -> String {
    Stamp::from_ns(ns, zone).text(0)
}

/// An instant in a zone, to the millisecond: `2026-11-20 03:12:07.250`.
pub fn show_precise(ns: i64, zone: &TimeZone) -> String {
    Stamp::from_ns(ns, zone).text(3)
}

/// An instant, taken apart in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its date.
    pub date: jiff::civil::Date,
    /// Its time of day.
    pub time: jiff::civil::Time,
    /// How far the zone is from UTC then.
    pub offset: Offset,
}

impl Stamp {
    /// Takes `ns` since the epoch apart.
    pub fn from_ns(ns: i64, zone: &TimeZone) -> Stamp {
        let instant = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
        let offset = zone.to_offset(instant);
        let civil = offset.to_datetime(instant);
        Stamp { date: civil.date(), time: civil.time(), offset }
    }

    /// Date and time with `digits` of the fraction.
    pub fn text(&self, digits: usize) -> String {
        format!("{} {}", self.date, self.clock(digits))
    }

    /// The time of day with `digits` of the fraction, the rest cut off.
    pub fn clock(&self, digits: usize) -> String {
        let time = self.time;
        let seconds = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        match digits {
            0 => seconds,
            _ => {
                let fraction = format!("{:09}", time.subsec_nanosecond());
                format!("{seconds}.{}", &fraction[..digits.min(9)])
            }
        }
    }

    /// The offset from UTC: `UTC`, `+01:00`.
    pub fn zone(&self) -> String {
        match self.offset.seconds() {
            0 => "UTC".to_owned(),
            seconds => {
                let sign = if seconds < 0 { '-' } else { '+' };
                let minutes = seconds.unsigned_abs() / 60;
                format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Stamp, show_instant, show_precise};
    use jiff::tz::TimeZone;

    #[test]
    fn an_instant_is_shown_in_the_zone_with_the_digits_asked_for() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let ns = 1_795_140_727_250_999_999;
        assert_eq!(show_instant(ns, &berlin), "2026-11-20 03:12:07");
        assert_eq!(show_precise(ns, &berlin), "2026-11-20 03:12:07.250");
        assert_eq!(Stamp::from_ns(ns, &berlin).clock(6), "03:12:07.250999");
        assert_eq!(Stamp::from_ns(ns, &berlin).zone(), "+01:00");
        assert_eq!(show_instant(ns, &TimeZone::UTC), "2026-11-20 02:12:07");
        assert_eq!(Stamp::from_ns(ns, &TimeZone::UTC).zone(), "UTC");
        assert_eq!(show_instant(-1, &TimeZone::UTC), "1969-12-31 23:59:59");
    }
}
