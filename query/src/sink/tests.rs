//! Formats, over arbitrary values.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::csv::CsvEncoder;
use super::table::TableSink;
use crate::output::Output;
use crate::rows::Look;
use crate::rows::{Batch, BatchColumn, Bitmap, Field, Header, Role, Sink};
use jiff::tz::TimeZone;
use nodemon_formats::interner::Interner;
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics};
use proptest::prelude::*;
use std::sync::Arc;

fn header(columns: &[(&str, ColumnType, &'static str)]) -> Arc<Header> {
    let mut schema = Schema::sample("t", "", "");
    schema.interval_ns = 1_000_000;
    let mut header = Header::from_schema(&schema, "");
    for (name, kind, unit) in columns {
        let column = Column::new(name, *kind, Semantics::Gauge, *unit, "");
        header.fields.push(Field::from_column(&column, Role::Value));
    }
    Arc::new(header)
}

/// Reads one record of RFC 4180; quoted and empty is `Some("")`, empty is `None`.
fn parse_csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), None::<String>);
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                field.get_or_insert_default().push('"');
            }
            '"' => {
                quoted = !quoted;
                field.get_or_insert_default();
            }
            ',' if !quoted => record.push(field.take()),
            '\n' if !quoted => {
                record.push(field.take());
                records.push(std::mem::take(&mut record));
            }
            c => field.get_or_insert_default().push(c),
        }
    }
    records
}

proptest! {
    #[test]
    fn csv_reads_back_as_what_was_written(
        rows in prop::collection::vec(
            (any::<i64>(), prop::option::of(any::<u64>()), prop::option::of(any::<f64>()), prop::option::of(".{0,12}")),
            0..40,
        ),
    ) {
        let header = header(&[("n", ColumnType::U64, ""), ("x,y", ColumnType::F64, ""), ("s", ColumnType::String, "")]);
        let mut strings = Interner::default();
        let texts = rows.iter().map(|row| row.3.as_ref().map(|s| strings.intern(s.as_bytes()).into()));
        let texts: Vec<Option<u64>> = texts.collect();
        let column = |words: Vec<Option<u64>>| BatchColumn {
            present: Some(Bitmap::from_fn(words.len(), |row| words[row].is_some())),
            words: words.iter().map(|word| word.unwrap_or(0)).collect(),
        };
        let batch = Batch {
            times: rows.iter().map(|row| row.0).collect(),
            columns: vec![
                column(rows.iter().map(|row| row.1).collect()),
                column(rows.iter().map(|row| row.2.map(f64::to_bits)).collect()),
                column(texts),
            ],
            strings,
        };
        let mut encoder = CsvEncoder::new(header);
        let mut text = Vec::new();
        encoder.header(&mut text);
        encoder.rows(&batch, &mut text);
        let records = parse_csv(std::str::from_utf8(&text).unwrap());
        prop_assert_eq!(records.len(), rows.len() + 1);
        let names: Vec<_> = records[0].iter().flatten().collect();
        prop_assert_eq!(names, ["time", "n", "x,y", "s", "gap"]);
        for (record, row) in records[1..].iter().zip(&rows) {
            prop_assert_eq!(record.len(), 5);
            let time: jiff::Timestamp = record[0].as_ref().unwrap().parse().unwrap();
            prop_assert_eq!(time.as_nanosecond(), i128::from(row.0));
            prop_assert_eq!(record[1].as_ref().map(|n| n.parse::<u64>().unwrap()), row.1);
            let float = record[2].as_ref().map(|x| x.parse::<f64>().unwrap());
            match (float, row.2) {
                (Some(a), Some(b)) if b.is_nan() => prop_assert!(a.is_nan()),
                (a, b) => prop_assert_eq!(a, b),
            }
            prop_assert_eq!(&record[3], &row.3);
            prop_assert_eq!(&record[4], &None);
        }
    }
}

fn table(header: &Arc<Header>, width: Option<usize>, batches: &[Batch]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.txt");
    let look = Look {
        title: None,
        zone: TimeZone::UTC,
        color: false,
        height: None,
        width,
        exact: false,
        hides_idle: true,
    };
    let mut sink = TableSink::new(header.clone(), Output::file(&path).unwrap(), look);
    batches.iter().for_each(|batch| sink.rows(batch).unwrap());
    sink.finish().unwrap();
    std::fs::read_to_string(path).unwrap()
}

fn constant(rows: usize, word: u64) -> BatchColumn {
    BatchColumn { words: vec![word; rows], present: None }
}

fn batch(rows: usize, columns: Vec<BatchColumn>) -> Batch {
    let times = (0..rows as i64).map(|row| row * 1_000_000).collect();
    Batch { times, columns, strings: Interner::default() }
}

#[test]
fn instances_whose_rates_are_all_zero_are_left_out_and_counted() {
    let mut rates = header(&[
        ("a_per_s", ColumnType::F64, unit::COUNT),
        ("b_per_s", ColumnType::F64, unit::COUNT),
    ]);
    let words =
        |rows: [f64; 4]| BatchColumn { words: rows.map(f64::to_bits).to_vec(), present: None };
    let some = batch(4, vec![words([0.0, 7.0, 0.0, 0.0]), words([0.0, 0.0, 0.0, 9.0])]);
    let all = table(&rates, None, std::slice::from_ref(&some));
    assert!(!all.contains("left out"), "a table of one instance has all of its rows: {all}");
    let with_key = Arc::make_mut(&mut rates);
    with_key.fields[0].role = crate::rows::Role::Key;
    let shown = table(&rates, None, &[some]);
    assert!(shown.contains("3 rows of nothing but zeros are left out; --idle"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("00:00")).count(), 1, "{shown}");
}

#[test]
fn units_are_chosen_once_and_stay_for_what_comes_later() {
    let header = header(&[("a_bytes", ColumnType::U64, unit::BYTES)]);
    let small = batch(1200, vec![constant(1200, 3 << 20)]);
    let large = batch(1, vec![constant(1, 5 << 40)]);
    let text = table(&header, None, &[small, large]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..4], ["time              a", "                MiB", "00:00:00.000   3.00"]);
    assert_eq!(lines[lines.len() - 1], "00:00:00.000  5242880.00", "wider, and never cut");
}

#[test]
fn a_narrow_terminal_gets_the_columns_that_fit_and_a_word_about_the_rest() {
    let names = ["first", "empty", "second", "third"];
    let columns: Vec<_> = names.iter().map(|name| (*name, ColumnType::U64, "")).collect();
    let header = header(&columns);
    let mut values = vec![constant(3, 7); 4];
    values[1].present = Some(Bitmap::filled(3, false));
    let text = table(&header, Some(30), &[batch(3, values.clone())]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("-- 2 more columns do not fit"), "{text}");
    assert_eq!(lines[2], "time          first  second", "a column without values goes first");
    let all = table(&header, None, &[batch(3, values)]);
    assert_eq!(all.lines().nth(1), Some("time          first  empty  second  third"));
}

#[test]
fn on_a_narrow_terminal_long_texts_make_room_for_what_was_measured() {
    let mut header = header(&[
        ("command", ColumnType::String, ""),
        ("arguments", ColumnType::String, ""),
        ("state", ColumnType::String, ""),
        ("threads", ColumnType::U64, ""),
    ]);
    let fields = &mut Arc::make_mut(&mut header).fields;
    fields[..3].iter_mut().for_each(|field| field.semantics = Semantics::State);
    let mut batch = batch(1, vec![constant(1, 0), constant(1, 1), constant(1, 2), constant(1, 7)]);
    for text in [&b"a-name-of-nineteen-"[..], b"--and --very --many --arguments", b"running"] {
        batch.strings.intern(text);
    }
    let text = table(&header, Some(40), std::slice::from_ref(&batch));
    assert_eq!(text.lines().nth(2), Some("time          command          threads"), "{text}");
    let text = table(&header, Some(50), &[batch]);
    assert_eq!(
        text.lines().nth(2),
        Some("time          command          state    threads"),
        "{text}"
    );
}

#[test]
fn control_characters_of_a_process_name_do_not_reach_the_terminal() {
    let header = header(&[("command", ColumnType::String, "")]);
    let mut batch = batch(1, vec![constant(1, 0)]);
    batch.strings.intern(b"evil\x1b[2J\n\xff");
    let text = table(&header, None, &[batch]);
    assert!(text.lines().last().unwrap().ends_with("evil\\u{1b}[2J\\n\\xff"), "{text:?}");
}
