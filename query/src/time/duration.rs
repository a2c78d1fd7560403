//! Durations that a question asks for, and how long ago an instant is.

use nodemon_formats::units::{parse_duration, show_duration};

/// Reads a step or a span as nanoseconds.
///
/// # Errors
/// A sentence, where it is no duration or not longer than nothing.
pub fn parse_duration_ns(text: &str) -> Result<i64, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    match i64::try_from(duration.as_nanos()) {
        Ok(ns) if ns > 0 => Ok(ns),
        _ => Err("a duration must be longer than 0 and shorter than 292 years".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::{parse_duration_ns, show_age};

    #[test]
    fn a_step_is_longer_than_nothing() {
        assert_eq!(parse_duration_ns("1h30m"), Ok(5_400_000_000_000));
        for text in ["0s", "-1s", "5"] {
            assert!(parse_duration_ns(text).is_err(), "{text:?} is not a step");
        }
    }

    #[test]
    fn an_instant_may_be_ahead_of_this_clock() {
        assert_eq!(show_age(0, 2_000_000_000), "2.0 s ago");
        assert_eq!(show_age(2_000_000_000, 0), "2.0 s ahead of this machine's clock");
    }
}
