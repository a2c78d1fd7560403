//! `--trigger N`: the time around the Nth last trigger that fired while it was recorded.

use crate::error::QueryError;
use crate::span::Span;
use nodemon_formats::reader::{ReadError, Recording, ScanItem, ScanRequest};
use nodemon_formats::{Schema, Value};
use std::collections::VecDeque;

const TABLE: &str = "trigger";
/// So long before it began to hold a span begins, and so long behind it one ends at least, ns.
const AROUND_NS: i64 = 60_000_000_000;
/// So many of the last that fired are searched, which bounds memory whatever a recording holds.
const MOST: usize = 10_000;

/// A trigger that fired.
struct Fired {
    rule: Value,
    time: i64,
    held_ns: i64,
    /// Until when rates were raised.
    until: i64,
}

/// The span of the `number`th last trigger, from 1: from a minute before it held until a minute after
/// it fired, or until rates were as before where that is later.
///
/// # Errors
/// When there are not so many; when the recording cannot be read.
pub fn span(recording: &Recording, number: usize) -> Result<Span, QueryError> {
    let (last, count) = fired(recording)?;
    let found = number.checked_sub(1).and_then(|back| last.iter().rev().nth(back));
    let Some(found) = found else { return Err(missing(number, count)) };
    let from = found.time.saturating_sub(found.held_ns).saturating_sub(AROUND_NS);
    let to = found.time.saturating_add(AROUND_NS).max(found.until);
    Ok(Span { from, to, by_end: false })
}

fn missing(number: usize, there: usize) -> QueryError {
    let there = match there {
        there if there > MOST && number > MOST => {
            format!("{there} have fired; the last {MOST} are searched, others by --from and --to")
        }
        0 => "none has fired; nodemon-recorder check lists the triggers there are".to_owned(),
        1 => "one has fired: --trigger 1 is it".to_owned(),
        there => format!("{there} have fired: --trigger 1 is the last of them"),
    };
    QueryError::NoData { what: format!("the recording has no trigger {number}"), there }
}

/// The last of those that fired, oldest first, and how many there are in all.
fn fired(recording: &Recording) -> Result<(VecDeque<Fired>, usize), ReadError> {
    let (mut last, mut count): (VecDeque<Fired>, usize) = (VecDeque::new(), 0);
    let Some(schema) = recording.schema(TABLE) else { return Ok((last, count)) };
    let Some(columns) = columns(&schema) else { return Ok((last, count)) };
    let request = ScanRequest {
        table: TABLE.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        columns: Some(columns.to_vec()),
        ..ScanRequest::default()
    };
    for item in recording.scan(request)? {
        // Damage is told by whoever answers.
        let ScanItem::Chunk(chunk) = item? else { continue };
        for (row, time) in chunk.times.iter().enumerate() {
            let value = |column| chunk.value(column, 0, row);
            let ns = |column| match value(column) {
                Value::U64(ns) => i64::try_from(ns).unwrap_or(i64::MAX),
                _ => 0,
            };
            let (rule, time, until) = (value(0), *time, time.saturating_add(ns(3)));
            if value(1) == Value::Bool(true)
                && let Some(before) = last.iter_mut().rev().find(|fired| fired.rule == rule)
            {
                before.until = until;
                continue;
            }
            if last.len() == MOST {
                last.pop_front();
            }
            last.push_back(Fired { rule, time, held_ns: ns(2), until });
            count += 1;
        }
    }
    Ok((last, count))
}

/// The columns that are needed, by their places in a row.
fn columns(schema: &Schema) -> Option<[usize; 4]> {
    let place = |name: &str| schema.row_columns().position(|column| column.name == name);
    Some([place("rule")?, place("is_extended")?, place("held_ns")?, place("raised_ns")?])
}
