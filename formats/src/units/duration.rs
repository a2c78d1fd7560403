//! Durations as people write them, `1ms`, `1.5h`, `1h30m`, and as they are shown.

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;
use std::time::Duration;

/// Units of which an exact duration is written, the larger first.
const UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A duration that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number with a unit, or more than `jiff` can hold (292 years).
    #[error("`{0}` is not a duration: write a number and a unit, as in 1ms, 10s, 5m or 1h30m")]
    Unreadable(String),
    /// Months and years differ in length.
    #[error("`{0}` is not a duration: months and years have no fixed length, use days")]
    Calendar(String),
}

/// The duration that `text` says: numbers, which may have a fraction, with units. A day has 24 hours
/// and a week seven days.
///
/// # Errors
/// A [`DurationError`] when there is no number, no unit, an unknown one, a sign, a month or a year,
/// or more than 292 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let unreadable = || DurationError::Unreadable(text.to_owned());
    let span = SpanParser::new().parse_span(text.trim()).map_err(|_| unreadable())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| DurationError::Calendar(text.to_owned()))?;
    Duration::try_from(duration).map_err(|_| unreadable())
}

/// `duration` with the largest unit that divides it: `1ms`, `90s`.
pub fn exact_duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let divides = |scale: u64| ns >= u128::from(scale) && ns.is_multiple_of(u128::from(scale));
    let unit = UNITS.iter().find(|(_, scale)| divides(*scale));
    let (name, scale) = unit.unwrap_or(&("s", 1_000_000_000));
    format!("{}{name}", ns / u128::from(*scale))
}

/// A duration for people: `2.0 s`, `350 ms`, `3 h 12 min`, `4 d 2 h`.
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
    #![allow(clippy::unwrap_used)]

    use super::{exact_duration, parse_duration, show_duration};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ns) in [
            ("1ms", 1_000_000),
            ("500ms", 500_000_000),
            ("10s", 10_000_000_000),
            ("1.5s", 1_500_000_000),
            ("250us", 250_000),
            ("5m", 300_000_000_000),
            ("1 h", 3_600_000_000_000),
            (" 1h30m ", 5_400_000_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("2d", 172_800_000_000_000),
            ("1w", 604_800_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example_of_one() {
        for text in ["", "10", "s", "-1s", "5 fortnights", "999999999d", "1 s ago", "1.5.5s"] {
            let said = parse_duration(text).unwrap_err().to_string();
            assert!(said.contains(&format!("`{text}`")) && said.contains("10s"), "{said}");
        }
        for text in ["1 month", "2y"] {
            let said = parse_duration(text).unwrap_err().to_string();
            assert!(said.contains("use days"), "{said}");
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
    }

    proptest! {
        #[test]
        fn an_exact_duration_reads_back_as_the_same(ns in 0..=i64::MAX as u64, unit in 0usize..7) {
            let scale = super::UNITS[unit].1;
            for ns in [ns, ns / scale * scale] {
                let duration = Duration::from_nanos(ns);
                prop_assert_eq!(parse_duration(&exact_duration(duration)), Ok(duration));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|([0-9.]{0,12} ?(d|h|m|s|ms|us|ns|w|y)){0,3}") {
            let _ = parse_duration(&text);
        }
    }
}
