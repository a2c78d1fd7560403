//! Durations as people write them: `1ms`, `10s`, `1.5h`.

use super::size::scaled;
use std::time::Duration;

/// Units, the larger first.
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
#[error("`{text}` is not a duration: write a number and a unit, as in 1ms, 10s, 5m or 1h")]
pub struct DurationError {
    text: String,
}

/// The duration that `text` says. A number may have a fraction.
///
/// # Errors
/// A `DurationError` when there is no number, no unit, an unknown one, or more than 584 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError { text: text.to_owned() };
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(error)?;
    let (number, unit) = trimmed.split_at(unit_at);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
    scaled(number.trim_end(), *scale).map(Duration::from_nanos).ok_or_else(error)
}

/// The shortest cadence: what sampling through `/proc` can follow.
pub const LEAST_INTERVAL: Duration = Duration::from_millis(1);
/// The longest cadence.
pub const MOST_INTERVAL: Duration = Duration::from_secs(86_400);

/// A cadence that cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// Too short or too long.
    #[error("an interval must lie between 1ms and 1d, and {} does not", exact_duration(*.0))]
    Range(Duration),
}

/// The cadence that `text` says.
///
/// # Errors
/// An `IntervalError` when it is no duration, under 1 ms or over a day.
pub fn parse_interval(text: &str) -> Result<Duration, IntervalError> {
    let interval = parse_duration(text)?;
    if (LEAST_INTERVAL..=MOST_INTERVAL).contains(&interval) {
        Ok(interval)
    } else {
        Err(IntervalError::Range(interval))
    }
}

/// `duration` with the largest unit that divides it: `1ms`, `90s`.
pub fn exact_duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let divides = |scale: u64| ns >= u128::from(scale) && ns.is_multiple_of(u128::from(scale));
    let unit = UNITS.iter().find(|(_, scale)| divides(*scale));
    let (name, scale) = unit.unwrap_or(&("s", 1_000_000_000));
    format!("{}{name}", ns / u128::from(*scale))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{exact_duration, parse_duration, parse_interval};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ns) in [
            ("1ms", 1_000_000),
            ("10s", 10_000_000_000),
            ("1.5s", 1_500_000_000),
            ("250us", 250_000),
            ("5m", 300_000_000_000),
            ("1 h", 3_600_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example_of_one() {
        for text in ["", "10", "s", "-1s", "1 minute", "1M", "999999999d"] {
            let told = parse_duration(text).unwrap_err().to_string();
            assert!(told.contains(&format!("`{text}`")) && told.contains("10s"), "{told}");
        }
    }

    #[test]
    fn a_cadence_that_cannot_be_had_is_refused() {
        assert_eq!(parse_interval("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(parse_interval("1d"), Ok(Duration::from_secs(86_400)));
        for text in ["0s", "999us", "25h"] {
            let told = parse_interval(text).unwrap_err().to_string();
            assert!(told.contains("between 1ms and 1d") && told.contains(text), "{told}");
        }
    }

    proptest! {
        #[test]
        fn an_exact_duration_reads_back_as_the_same(ns: u64, unit in 0usize..7) {
            let scale = super::UNITS[unit].1;
            for ns in [ns, ns / scale * scale] {
                let duration = Duration::from_nanos(ns);
                prop_assert_eq!(parse_duration(&exact_duration(duration)), Ok(duration));
            }
        }
    }
}
