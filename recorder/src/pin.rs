//! Pins: spans of a recording that its ring does not overwrite.
//!
//! As marks they come to the recorder by the disk: as files in the directory `pinned` of the
//! recording, which its writer looks at with each commit. Whoever wants a span kept, a person or a
//! part of this recorder, writes one.

pub use nodemon_formats::pin::{DIRECTORY, Listed, Pin, PinError, list, remove, write};

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, Zoned};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::{ReadError, Recording};
use nodemon_formats::units::{DurationError, parse_duration};
use std::path::Path;
use std::time::Duration;

/// A time as `pin` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinTime {
    /// Before or after now, ns.
    Offset(i64),
    /// An instant.
    Instant(Timestamp),
    /// A local date and time.
    Civil(DateTime),
    /// A local time of day.
    Clock(Time),
}

/// `now`, `-5m`, `+60s`, `03:12`, `2026-11-20 03:12:07`, `2026-11-20T03:12:07Z`.
///
/// # Errors
/// What would be right.
pub fn parse_time(text: &str) -> Result<PinTime, String> {
    let ns = |length: &str| -> Result<i64, String> {
        let duration: Result<Duration, DurationError> = parse_duration(length);
        let duration = duration.map_err(|error| error.to_string())?;
        i64::try_from(duration.as_nanos()).map_err(|_| "that is too long".to_owned())
    };
    let text = text.trim();
    match (text, text.strip_prefix('-'), text.strip_prefix('+')) {
        ("now", ..) => return Ok(PinTime::Offset(0)),
        (_, Some(before), _) => return ns(before).map(|ns| PinTime::Offset(-ns)),
        (_, _, Some(after)) => return ns(after).map(PinTime::Offset),
        _ => {}
    }
    let wrong = || {
        "write now, -5m for five minutes ago, +60s for in a minute, 03:12, '2026-11-20 03:12' or \
         2026-11-20T03:12:07Z"
            .to_owned()
    };
    if let Ok(instant) = text.parse() {
        return Ok(PinTime::Instant(instant));
    }
    match (text.contains('-'), text.contains(':')) {
        (true, _) => text.parse().map(PinTime::Civil).map_err(|_| wrong()),
        (false, true) => text.parse().map(PinTime::Clock).map_err(|_| wrong()),
        (false, false) => Err(wrong()),
    }
}

/// The span from one time to another on `CLOCK_BOOTTIME`, ns, by what the clocks say at `now`. An end
/// that is a time of day is the first one behind the start.
///
/// # Errors
/// When no clock can say it.
pub fn span_ns(
    from: PinTime,
    to: PinTime,
    now: &Zoned,
    clock: &ClockOffset,
) -> Result<(i64, i64), String> {
    let start = from.instant(None, now)?;
    let end = to.instant(Some(start), now)?;
    let boottime_ns = |instant: Timestamp| -> Result<i64, String> {
        let wall_ns = i64::try_from(instant.as_nanosecond());
        let wall_ns = wall_ns.map_err(|_| format!("{instant} is too far away"))?;
        Ok(wall_ns.saturating_sub(clock.offset_ns))
    };
    Ok((boottime_ns(start)?, boottime_ns(end)?))
}

impl PinTime {
    /// The instant: of a time of day the last one until `now`, or the first one behind `start`.
    fn instant(self, start: Option<Timestamp>, now: &Zoned) -> Result<Timestamp, String> {
        let told = |error: jiff::Error| error.to_string();
        // Of an hour that comes twice the later one, unless that is yet to come, as questions have it.
        let local = |date: DateTime| {
            let both = now.time_zone().to_ambiguous_timestamp(date);
            let later = both.later().map_err(told)?;
            match both.is_ambiguous() && later > now.timestamp() {
                true => both.compatible().map_err(told),
                false => Ok(later),
            }
        };
        match (self, start) {
            (PinTime::Offset(ns), _) => {
                now.timestamp().checked_add(SignedDuration::from_nanos(ns)).map_err(told)
            }
            (PinTime::Instant(instant), _) => Ok(instant),
            (PinTime::Civil(date), _) => local(date),
            (PinTime::Clock(time), None) => {
                let today = now.date().to_datetime(time);
                match local(today)? {
                    instant if instant <= now.timestamp() => Ok(instant),
                    _ => local(today.yesterday().map_err(told)?),
                }
            }
            (PinTime::Clock(time), Some(start)) => {
                let today = start.to_zoned(now.time_zone().clone()).date().to_datetime(time);
                match local(today)? {
                    instant if instant > start => Ok(instant),
                    _ => local(today.tomorrow().map_err(told)?),
                }
            }
        }
    }
}

/// What whoever pinned `pin` should hear, because the recording in `directory` has nothing of its
/// span, nor will have.
///
/// # Errors
/// When there is no recording.
pub fn warning(directory: &Path, pin: &Pin) -> Result<Option<String>, ReadError> {
    let recording = Recording::open(directory)?;
    let (from, to) = pin.wall_span();
    let Some((first, last)) = recording.span() else { return Ok(None) };
    let instant = |wall_ns: i64| {
        Timestamp::from_nanosecond(wall_ns.into())
            .map_or_else(|_| format!("@{wall_ns}"), |at| format!("{at:.0}"))
    };
    let there = format!("what is recorded spans {} .. {}", instant(first), instant(last));
    Ok(match recording.is_live() {
        _ if to <= first => Some(format!("that is before all that is recorded; {there}")),
        false if from > last => Some(format!("nobody records now; {there}")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{PinTime, parse_time, span_ns};
    use jiff::tz::TimeZone;
    use jiff::{Timestamp, Zoned};
    use nodemon_formats::clock::ClockOffset;

    #[test]
    fn times_of_a_pin_are_before_or_after_now_or_by_the_clock() {
        assert_eq!(parse_time("now"), Ok(PinTime::Offset(0)));
        assert_eq!(parse_time("-5m"), Ok(PinTime::Offset(-300_000_000_000)));
        assert_eq!(parse_time("+60s"), Ok(PinTime::Offset(60_000_000_000)));
        for text in ["5m", "", "-", "yesterday", "--5m", "+1y", "25:00", "2026-02-30 03:12", "2026"]
        {
            assert!(parse_time(text).is_err(), "{text:?} was taken for a time");
        }
    }

    #[test]
    fn of_an_hour_that_comes_twice_the_later_is_meant_once_it_is_over() {
        // At 03:00 summer time ends, by a rule that needs no list of zones.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let wall_ns = |text: &str, now: &str| {
            let now = now.parse::<Timestamp>().unwrap().to_zoned(zone.clone());
            let clock = ClockOffset { from_ns: 0, offset_ns: 0 };
            let from = parse_time(text).unwrap();
            span_ns(from, PinTime::Offset(1), &now, &clock).unwrap().0
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_nanosecond();
        let is = |text, now, wanted| i128::from(wall_ns(text, now)) == at(wanted);
        assert!(is("2026-10-25 02:30", "2026-10-25T02:00:00Z", "2026-10-25T01:30:00Z"));
        assert!(is("2026-10-25 02:30", "2026-10-25T01:00:00Z", "2026-10-25T00:30:00Z"));
        assert!(is("02:30", "2026-10-25T02:00:00Z", "2026-10-25T01:30:00Z"));
    }

    #[test]
    fn a_time_of_day_is_the_last_that_was_and_at_the_end_the_next_behind_the_start() {
        let now: Zoned = "2026-03-02T03:00:00+01:00[+01:00]".parse().unwrap();
        let now_ns = i64::try_from(now.timestamp().as_nanosecond()).unwrap();
        let clock = ClockOffset { from_ns: 0, offset_ns: now_ns };
        let span_s = |from: &str, to: &str| {
            let (from, to) = (parse_time(from).unwrap(), parse_time(to).unwrap());
            let (from, to) = span_ns(from, to, &now, &clock).unwrap();
            (from / 1_000_000_000, to / 1_000_000_000)
        };
        for (from, to, wanted) in [
            ("-5m", "now", (-300, 0)),
            ("-5m", "+1s", (-300, 1)),
            ("02:58", "02:59", (-120, -60)),
            ("02:58", "03:10", (-120, 600)),
            ("03:00:01", "03:10", (-86_399, -85_800)),
            ("23:50", "00:10", (-11_400, -10_200)),
            ("2026-03-02 02:59:59", "2026-03-02T01:59:00Z", (-1, -60)),
            ("2026-03-02T03:59:00+02:00", "03:00", (-60, 0)),
        ] {
            assert_eq!(span_s(from, to), wanted, "{from} .. {to}");
        }
    }
}
