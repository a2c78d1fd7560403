//! The cadence of a source, as it is configured.

use nodemon_formats::units::{DurationError, exact_duration, parse_duration};
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::parse_interval;
    use std::time::Duration;

    #[test]
    fn a_cadence_that_cannot_be_had_is_refused() {
        assert_eq!(parse_interval("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(parse_interval("1d"), Ok(Duration::from_secs(86_400)));
        for text in ["0s", "999us", "25h"] {
            let told = parse_interval(text).unwrap_err().to_string();
            assert!(told.contains("between 1ms and 1d") && told.contains(text), "{told}");
        }
    }
}
