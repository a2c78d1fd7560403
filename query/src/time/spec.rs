//! A time as it was typed.

use jiff::civil::{DateTime, Time};
use jiff::fmt::friendly::SpanParser;
use jiff::{Span, Timestamp};
use std::str::FromStr;

/// A time as it was typed, before it is known what it counts from.
#[derive(Clone, Debug)]
pub enum TimeSpec {
    /// `-5m`: this long before now, or before the end of a recording that is no longer written.
    Before(Span),
    /// `+4s`: this long after `--from`.
    After(Span),
    /// `now`, `now-5m`: by the clock of this machine.
    Now(Span),
    /// `start`, `start+5m`: by the first row of the recording.
    Start(Span),
    /// `end`, `end-5m`: by the last row of the recording.
    End(Span),
    /// An instant.
    Instant(Timestamp),
    /// A local date and time.
    Civil(DateTime),
    /// A local time of day.
    Clock(Time),
    /// `mark:deploy`, `mark:deploy-5m`: when somebody marked that, which the recording knows.
    Mark(String),
}

const HINT: &str = "write -5m, 03:12, '2026-11-20 03:12', 2026-11-20T03:12:07Z, now, start, end, \
                    end-5m or seconds since 1970";

impl FromStr for TimeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeSpec, String> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix("mark:").filter(|name| !name.is_empty()) {
            return Ok(TimeSpec::Mark(name.to_owned()));
        }
        for (word, spec) in WORDS {
            if let Some(rest) = strip_word(text, word) {
                let offset = if rest.is_empty() { Ok(Span::new()) } else { signed_span(rest) };
                return offset.map(spec);
            }
        }
        match text.as_bytes().first() {
            Some(b'-') => span(&text[1..]).map(TimeSpec::Before),
            Some(b'+') => span(&text[1..]).map(TimeSpec::After),
            Some(b'@') => unix_seconds(&text[1..]).map(TimeSpec::Instant),
            _ if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => bare_number(text),
            _ => date_or_time(text),
        }
    }
}

/// A word, and what it makes of the length that follows it.
type Word = (&'static str, fn(Span) -> TimeSpec);

const WORDS: [Word; 3] =
    [("now", TimeSpec::Now), ("start", TimeSpec::Start), ("end", TimeSpec::End)];

/// What follows `word`, where `text` is that word or that word and a signed length of time.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?.trim_start();
    (rest.is_empty() || rest.starts_with(['-', '+'])).then_some(rest)
}

/// `-5m` or `+5m`.
pub fn signed_span(text: &str) -> Result<Span, String> {
    let length = span(text.get(1..).unwrap_or_default())?;
    Ok(if text.starts_with('-') { length.negate() } else { length })
}

fn span(text: &str) -> Result<Span, String> {
    let text = text.trim();
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(format!("after the sign comes a length such as 5m, 1h30m or 250ms; {HINT}"));
    }
    SpanParser::new()
        .parse_span(text)
        .map_err(|_| format!("{text:?} is not a length of time such as 5m, 1h30m or 250ms; {HINT}"))
}

/// A number without anything around it is taken for seconds only where it cannot be meant as a
/// year, a date or milliseconds.
fn bare_number(text: &str) -> Result<TimeSpec, String> {
    match text.split('.').next().map_or(0, str::len) {
        9 | 10 => unix_seconds(text).map(TimeSpec::Instant),
        _ => Err(format!("a bare number has to be seconds since 1970, 9 or 10 digits; {HINT}")),
    }
}

fn unix_seconds(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is not a number of seconds; {HINT}");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| wrong())?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let nanoseconds: i32 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Timestamp::new(seconds, nanoseconds).map_err(|_| wrong())
}

fn date_or_time(text: &str) -> Result<TimeSpec, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(TimeSpec::Instant(instant));
    }
    if let Ok(zoned) = text.parse::<jiff::Zoned>() {
        return Ok(TimeSpec::Instant(zoned.timestamp()));
    }
    if text.contains('-') {
        let date: DateTime = text.parse().map_err(|_| unreadable(text))?;
        return Ok(TimeSpec::Civil(date));
    }
    if !text.contains(':') {
        return Err(unreadable(text));
    }
    text.parse().map(TimeSpec::Clock).map_err(|_| unreadable(text))
}

fn unreadable(text: &str) -> String {
    format!("{text:?} is not a time; {HINT}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::TimeSpec;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_a_time_is_refused_with_examples_of_what_is() {
        for text in ["", "yesterday", "-", "+", "-x", "2026", "20261120", "now5m", "now-", "25:00"]
        {
            let error = text.parse::<TimeSpec>().expect_err(text);
            assert!(error.contains("03:12"), "{text:?} gives no example: {error}");
        }
        for text in ["2026-13-01", "2026-02-30 03:12", "1795144327123", "@", "@x", "1-2m"] {
            assert!(text.parse::<TimeSpec>().is_err(), "{text:?} was taken for a time");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_can_be_typed_makes_the_parser_panic(text in "\\PC{0,24}") {
            let _ = text.parse::<TimeSpec>();
        }

        #[test]
        fn seconds_keep_every_digit_of_their_fraction(s in 100_000_000i64..9_999_999_999, ns in 0..1_000_000_000i32) {
            let text = format!("{s}.{ns:09}");
            let Ok(TimeSpec::Instant(instant)) = text.parse::<TimeSpec>() else {
                return Err(TestCaseError::fail(text));
            };
            prop_assert_eq!((instant.as_second(), instant.subsec_nanosecond()), (s, ns));
        }
    }
}
