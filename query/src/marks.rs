//! `mark:NAME` in `--from` and `--to`, and `--pin NAME`: what somebody marked while it was recorded,
//! and what is kept of it.

use crate::cli::SpanArgs;
use crate::error::QueryError;
use crate::span::{Anchors, Span};
use crate::time::{TimeSpec, signed_span};
use jiff::Timestamp;
use nodemon_formats::Value;
use nodemon_formats::reader::{ReadError, Recording, ScanItem, ScanRequest};
use std::collections::BTreeMap;

const TABLE: &str = "mark";
/// So many names are told when there is none of that name.
const NAMES_TOLD: usize = 8;

/// The span that `--from` and `--to` mean, marks included.
///
/// # Errors
/// When there is no such mark; as [`Anchors::span`].
pub fn span(recording: &Recording, anchors: &Anchors, args: &SpanArgs) -> Result<Span, QueryError> {
    let resolve = |spec: &Option<TimeSpec>| match spec {
        Some(TimeSpec::Mark(text)) => find(recording, anchors, text).map(Some),
        other => Ok(other.clone()),
    };
    if let Some(name) = &args.pin {
        return pinned(recording, name);
    }
    let (from, to) = (resolve(&args.from)?, resolve(&args.to)?);
    anchors.span(&SpanArgs { from, to, trigger: None, pin: None })
}

/// The span of the newest pin of this name.
fn pinned(recording: &Recording, name: &str) -> Result<Span, QueryError> {
    let pins = recording.pins()?;
    if let Some(pin) = pins.iter().rev().find(|pin| pin.name == name && pin.from < pin.to) {
        return Ok(Span { from: pin.from, to: pin.to, by_end: false });
    }
    let mut names: Vec<&str> = pins.iter().map(|pin| pin.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let more = if names.len() > NAMES_TOLD { ", ..." } else { "" };
    names.truncate(NAMES_TOLD);
    let there = match names.is_empty() {
        true => "nothing is pinned; nodemon-recorder pin NAME does that".to_owned(),
        false => format!("the pins are called {}{more}", names.join(", ")),
    };
    Err(QueryError::NoData { what: format!("the recording has no pin {name:?}"), there })
}

/// The instant that a time means on its own, marks included.
///
/// # Errors
/// When there is no such mark; as [`Anchors::instant`].
pub fn instant(
    recording: &Recording,
    anchors: &Anchors,
    time: &TimeSpec,
) -> Result<i64, QueryError> {
    match time {
        TimeSpec::Mark(text) => anchors.instant(&find(recording, anchors, text)?, None),
        other => anchors.instant(other, None),
    }
}

/// The instant of the newest mark called `text`; or, where a length of time ends it (`deploy-5m`),
/// so long before or after that.
fn find(recording: &Recording, anchors: &Anchors, text: &str) -> Result<TimeSpec, QueryError> {
    let marks = newest(recording)?;
    let exact = marks.get(text).copied();
    let shifted = || {
        let at = text.rfind(['-', '+'])?;
        let time = marks.get(&text[..at])?;
        anchors.shift(*time, &signed_span(&text[at..]).ok()?).ok()
    };
    let time = exact.or_else(shifted).ok_or_else(|| missing(text, &marks))?;
    let instant = Timestamp::from_nanosecond(i128::from(time));
    instant.map(TimeSpec::Instant).map_err(|error| QueryError::Usage(error.to_string()))
}

fn missing(text: &str, marks: &BTreeMap<String, i64>) -> QueryError {
    let names: Vec<&str> = marks.keys().take(NAMES_TOLD).map(String::as_str).collect();
    let more = if marks.len() > names.len() { ", ..." } else { "" };
    let there = match names.is_empty() {
        true => "nothing was marked; nodemon-recorder mark NAME does that".to_owned(),
        false => format!("the marks are called {}{more}", names.join(", ")),
    };
    QueryError::NoData { what: format!("the recording has no mark {text:?}"), there }
}

/// The wall time of the newest mark of each name.
fn newest(recording: &Recording) -> Result<BTreeMap<String, i64>, ReadError> {
    let mut marks = BTreeMap::new();
    let Some(schema) = recording.schema(TABLE) else { return Ok(marks) };
    let Some(name) = schema.row_columns().position(|column| column.name == "name") else {
        return Ok(marks);
    };
    let request = ScanRequest {
        table: TABLE.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        columns: Some(vec![name]),
        ..ScanRequest::default()
    };
    for item in recording.scan(request)? {
        // Damage is told by whoever answers.
        let ScanItem::Chunk(chunk) = item? else { continue };
        for (row, time) in chunk.times.iter().enumerate() {
            for instance in 0..chunk.instances.len() {
                if let Value::String(name) = chunk.value(0, instance, row) {
                    let newest = marks.entry(name).or_insert(*time);
                    *newest = (*newest).max(*time);
                }
            }
        }
    }
    Ok(marks)
}
