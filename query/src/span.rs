//! From times as typed to nanoseconds since the epoch.

use crate::cli::SpanArgs;
use crate::error::QueryError;
use crate::time::{TimeSpec, show_precise};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// What times are counted from.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// The clock of this machine, ns since the epoch.
    pub now: i64,
    /// The first row of the recording and the end just behind its last.
    pub recorded: Option<(i64, i64)>,
    /// Whether a recorder writes the recording now.
    pub live: bool,
    /// The zone of dates and times of day.
    pub zone: TimeZone,
}

/// A span of wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant, ns since the epoch.
    pub from: i64,
    /// The instant behind the last.
    pub to: i64,
    /// Whether `-5m` or a time of day was counted from the end of a recording that nobody writes
    /// any more, and not from now.
    pub by_end: bool,
}

impl Anchors {
    /// What `-5m` counts from: now while a recorder writes, else the end of what it left behind.
    /// Whoever opens yesterday's copy and asks for the last five minutes means those.
    pub fn present(&self) -> i64 {
        match self.recorded {
            Some((_, end)) if !self.live => end,
            Some((_, end)) => end.max(self.now),
            None => self.now,
        }
    }

    /// The span that `--from` and `--to` mean.
    ///
    /// # Errors
    /// When it ends before it starts, or lies outside of what a clock can say.
    pub fn span(&self, args: &SpanArgs) -> Result<Span, QueryError> {
        let start = self.recorded.map_or(self.now, |(start, _)| start);
        let from = match &args.from {
            None => start,
            Some(TimeSpec::After(_)) => {
                return Err(QueryError::Usage(
                    "--from cannot be +..., which counts from --from; write start+... to count \
                     from the first row of the recording"
                        .into(),
                ));
            }
            Some(spec) => self.instant(spec, None)?,
        };
        let to = match &args.to {
            // All of a recording without a row is no error of whoever asks.
            None if args.from.is_none() => self.present().max(from.saturating_add(1)),
            None => self.present(),
            Some(spec) => self.instant(spec, args.from.is_some().then_some(from))?,
        };
        if from >= to && args.to.is_none() {
            return Err(self.nothing_yet(from));
        }
        if from >= to {
            return Err(QueryError::Backwards { from, to, zone: self.zone.clone() });
        }
        let relative = |spec: &Option<TimeSpec>| {
            matches!(spec, Some(TimeSpec::Before(_) | TimeSpec::Clock(_)))
        };
        let by_end = !self.live && (relative(&args.from) || relative(&args.to));
        Ok(Span { from, to, by_end })
    }

    /// There is nothing from `from` on, which is not before the present.
    fn nothing_yet(&self, from: i64) -> QueryError {
        let at = show_precise(from, &self.zone);
        let what = match self.recorded {
            _ if from > self.now => format!("--from {at} is in the future"),
            Some((_, end)) if from >= end => {
                format!("--from {at} is behind the end of the recording")
            }
            _ => format!("nothing can have been recorded since --from {at}"),
        };
        let there = match self.recorded {
            Some((first, end)) => {
                let (first, end) = (show_precise(first, &self.zone), show_precise(end, &self.zone));
                format!(
                    "the recording spans {first} .. {end}; --from -5m asks for the last minutes"
                )
            }
            None => "the recording holds no row at all".to_owned(),
        };
        QueryError::NoData { what, there }
    }

    /// The instant that a time means, behind `from` where it counts from there.
    ///
    /// # Errors
    /// When it lies outside of what a clock can say, or is a mark.
    pub fn instant(&self, spec: &TimeSpec, from: Option<i64>) -> Result<i64, QueryError> {
        let end = self.recorded.map_or(self.now, |(_, end)| end);
        let start = self.recorded.map_or(self.now, |(start, _)| start);
        match spec {
            TimeSpec::Before(span) => self.shift(self.present(), &span.negate()),
            TimeSpec::After(span) => self.shift(from.unwrap_or(start), span),
            TimeSpec::Now(span) => self.shift(self.now, span),
            TimeSpec::Start(span) => self.shift(start, span),
            TimeSpec::End(span) => self.shift(end, span),
            TimeSpec::Instant(instant) => nanoseconds(*instant),
            TimeSpec::Civil(date) => self.local(*date),
            TimeSpec::Clock(time) => self.time_of_day(*time, from),
            TimeSpec::Mark(name) => {
                Err(QueryError::Usage(format!("mark:{name}: there is no recording to look in")))
            }
        }
    }

    /// A local date and time. Where the clocks were set back it came twice: then the later one is
    /// meant, unless that is still to come.
    fn local(&self, date: DateTime) -> Result<i64, QueryError> {
        let both = self.zone.to_ambiguous_timestamp(date);
        let later = nanoseconds(both.later().map_err(out_of_range)?)?;
        if both.is_ambiguous() && later > self.present() {
            return nanoseconds(both.compatible().map_err(out_of_range)?);
        }
        Ok(later)
    }

    /// The first such time of day after `from`; without one the last that is not in the future.
    fn time_of_day(&self, time: Time, from: Option<i64>) -> Result<i64, QueryError> {
        let reference = self.zoned(from.unwrap_or(self.present()));
        let today = reference.date().to_datetime(time);
        let at = |date| self.local(date);
        let instant = at(today)?;
        match from {
            Some(from) if instant <= from => {
                at(today.tomorrow().map_err(out_of_range)?.date().to_datetime(time))
            }
            None if instant > self.present() => {
                at(today.yesterday().map_err(out_of_range)?.date().to_datetime(time))
            }
            _ => Ok(instant),
        }
    }

    /// Calendar arithmetic in the zone, so that a day ago is the same time of day.
    ///
    /// # Errors
    /// When that lies outside of what a clock can say.
    pub fn shift(&self, instant: i64, span: &jiff::Span) -> Result<i64, QueryError> {
        let shifted = self.zoned(instant).checked_add(*span).map_err(out_of_range)?;
        nanoseconds(shifted.timestamp())
    }

    fn zoned(&self, instant: i64) -> Zoned {
        Timestamp::from_nanosecond(i128::from(instant))
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
    }
}

fn nanoseconds(instant: Timestamp) -> Result<i64, QueryError> {
    i64::try_from(instant.as_nanosecond())
        .map_err(|_| QueryError::Usage(format!("{instant} is outside of 1677 to 2262")))
}

fn out_of_range(error: jiff::Error) -> QueryError {
    QueryError::Usage(format!("a time lies outside of 1677 to 2262: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Anchors, Span};
    use crate::cli::SpanArgs;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn at(text: &str) -> i64 {
        i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    fn anchors(live: bool) -> Anchors {
        Anchors {
            now: at("2026-11-21T12:00:00Z"),
            recorded: Some((at("2026-11-19T00:00:00Z"), at("2026-11-20T02:30:00Z"))),
            live,
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        }
    }

    fn span(anchors: &Anchors, from: &str, to: &str) -> Span {
        let parse = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        anchors
            .span(&SpanArgs { from: parse(from), to: parse(to), trigger: None, pin: None })
            .unwrap()
    }

    #[test]
    fn minus_five_minutes_counts_from_now_while_a_recorder_writes_and_else_from_the_end() {
        let live = span(&anchors(true), "-5m", "");
        assert_eq!((live.from, live.to), (at("2026-11-21T11:55:00Z"), at("2026-11-21T12:00:00Z")));
        assert!(!live.by_end);
        let copy = span(&anchors(false), "-5m", "");
        assert_eq!((copy.from, copy.to), (at("2026-11-20T02:25:00Z"), at("2026-11-20T02:30:00Z")));
        assert!(copy.by_end, "the user has to be told what -5m was counted from");
    }

    #[test]
    fn words_count_from_what_they_name_in_a_live_recording_and_in_a_copy() {
        for live in [true, false] {
            let anchors = anchors(live);
            assert_eq!(span(&anchors, "now-1h", "now").from, at("2026-11-21T11:00:00Z"));
            assert_eq!(span(&anchors, "end-1h", "end").from, at("2026-11-20T01:30:00Z"));
            assert_eq!(span(&anchors, "start", "start+90s").to, at("2026-11-19T00:01:30Z"));
            assert_eq!(span(&anchors, "start", "+4s").to, at("2026-11-19T00:00:04Z"));
        }
    }

    #[test]
    fn dates_are_local_and_times_of_day_are_the_latest_that_were() {
        let anchors = anchors(false);
        assert_eq!(span(&anchors, "2026-11-20 03:12", "").from, at("2026-11-20T02:12:00Z"));
        assert_eq!(span(&anchors, "2026-11-20", "").from, at("2026-11-19T23:00:00Z"));
        assert_eq!(span(&anchors, "03:12:07.25", "").from, at("2026-11-20T02:12:07.25Z"));
        assert_eq!(span(&anchors, "03:45", "").from, at("2026-11-19T02:45:00Z"));
        let night = span(&anchors, "23:59", "00:05");
        assert_eq!(
            (night.from, night.to),
            (at("2026-11-19T22:59:00Z"), at("2026-11-19T23:05:00Z"))
        );
        let ahead = span(&anchors, "03:12", "03:45");
        assert_eq!(ahead.to, at("2026-11-20T02:45:00Z"), "--to is after --from, not before");
    }

    #[test]
    fn a_day_ago_is_the_same_time_of_day_across_a_change_of_the_clocks() {
        let mut anchors = anchors(true);
        anchors.now = at("2026-10-25T11:00:00Z");
        anchors.recorded = None;
        assert_eq!(span(&anchors, "-1d", "").from, at("2026-10-24T10:00:00Z"));
    }

    #[test]
    fn of_an_hour_that_came_twice_the_later_one_is_meant_unless_it_is_still_to_come() {
        let mut anchors = anchors(true);
        anchors.recorded = None;
        anchors.now = at("2026-10-25T11:00:00Z");
        assert_eq!(span(&anchors, "2026-10-25 02:30", "").from, at("2026-10-25T01:30:00Z"));
        assert_eq!(span(&anchors, "02:30", "").from, at("2026-10-25T01:30:00Z"));
        anchors.now = at("2026-10-25T00:45:00Z");
        assert_eq!(span(&anchors, "2026-10-25 02:30", "").from, at("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn a_span_that_ends_before_it_starts_is_an_error() {
        let parse = |text: &str| Some(text.parse().unwrap());
        for (from, to) in [("end", "start"), ("now", "now-1s"), ("start", "start")] {
            let args = SpanArgs { from: parse(from), to: parse(to), trigger: None, pin: None };
            assert!(anchors(true).span(&args).is_err(), "{from} .. {to}");
        }
        let args = SpanArgs { from: parse("+4s"), to: None, trigger: None, pin: None };
        assert!(anchors(true).span(&args).is_err(), "--from +4s counts from itself");
    }
}
