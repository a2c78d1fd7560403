//! Lengths of time.

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

/// Reads `1s`, `500ms`, `1h30m`, `2d` as nanoseconds. A day has 24 hours.
///
/// # Errors
/// A sentence, where it is no length of time or not longer than nothing.
pub fn parse_duration_ns(text: &str) -> Result<i64, String> {
    let span = SpanParser::new()
        .parse_span(text)
        .map_err(|_| "a duration looks like 1s, 500ms, 15m, 1h30m or 2d".to_owned())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| "months and years have no fixed length; use days".to_owned())?;
    match i64::try_from(duration.as_nanos()) {
        Ok(ns) if ns > 0 => Ok(ns),
        _ => Err("a duration must be longer than 0 and shorter than 292 years".to_owned()),
    }
}

/// A length of time for people: `2.0 s`, `350 ms`, `3 h 12 min`, `4 d 2 h`.
pub fn show_duration(ns: i64) -> String {
    let ns = ns.unsigned_abs();
    let (us, ms, s) = (1_000, 1_000_000, 1_000_000_000);
    match ns {
        _ if ns < us => format!("{ns} ns"),
        _ if ns < ms => format!("{} us", tenths(ns, us)),
        _ if ns < s => format!("{} ms", tenths(ns, ms)),
        _ if ns < 120 * s => format!("{} s", tenths(ns, s)),
        _ => in_two_units(ns / s),
    }
}

/// How long ago an instant is: `2 h 13 min ago`. Of a copy from a machine whose clock is ahead it may
/// be in the future.
pub fn show_age(instant: i64, now: i64) -> String {
    match now.saturating_sub(instant) {
        age @ 0.. => format!("{} ago", show_duration(age)),
        ahead => format!("{} ahead of this machine's clock", show_duration(ahead)),
    }
}

fn tenths(ns: u64, unit_ns: u64) -> String {
    let value = ns as f64 / unit_ns as f64;
    if ns.is_multiple_of(unit_ns) && value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn in_two_units(seconds: u64) -> String {
    let (large, small, parts) = match seconds {
        0..3_600 => (seconds / 60, seconds % 60, ("min", "s")),
        3_600..86_400 => (seconds / 3_600, seconds % 3_600 / 60, ("h", "min")),
        _ => (seconds / 86_400, seconds % 86_400 / 3_600, ("d", "h")),
    };
    match small {
        0 => format!("{large} {}", parts.0),
        _ => format!("{large} {} {small} {}", parts.0, parts.1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{parse_duration_ns, show_age, show_duration};

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ns) in [
            ("1s", 1_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("100us", 100_000),
            ("15m", 900_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("2d", 172_800_000_000_000),
        ] {
            assert_eq!(parse_duration_ns(text), Ok(ns), "{text}");
        }
        for text in ["", "0s", "-1s", "5", "1 month", "fast"] {
            assert!(parse_duration_ns(text).is_err(), "{text:?} is not a step");
        }
    }

    #[test]
    fn durations_are_shown_in_units_that_fit() {
        for (ns, text) in [
            (999, "999 ns"),
            (1_500_000, "1.5 ms"),
            (350_000_000, "350 ms"),
            (2_000_000_000, "2.0 s"),
            (60_000_000_000, "60 s"),
            (11_520_000_000_000, "3 h 12 min"),
            (352_800_000_000_000, "4 d 2 h"),
        ] {
            assert_eq!(show_duration(ns), text);
        }
        assert_eq!(show_age(0, 2_000_000_000), "2.0 s ago");
        assert_eq!(show_age(2_000_000_000, 0), "2.0 s ahead of this machine's clock");
    }
}
