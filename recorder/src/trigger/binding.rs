//! A rule and the table that it looks at: which column, which rows, in which unit.

use super::rule::Rule;
use nodemon_formats::record::Held;
use nodemon_formats::schema::unit;
use nodemon_formats::units::nearest;
use nodemon_formats::{Column, ColumnType, Schema, Semantics, TableKind};

/// Nanoseconds a second, as percent of the time.
const PERCENT_OF_NS: f64 = 100.0 / 1e9;

/// What a rule looks at, by its place in the table.
#[derive(Clone, Debug)]
pub struct Binding {
    /// What is taken of a row.
    pub measure: Measure,
    /// What a row must be, to count.
    tests: Vec<Test>,
    /// The unit of the value.
    pub unit: String,
}

/// What is taken of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Nothing: the rows are counted.
    Rows,
    /// The value of a column.
    Value {
        /// Which.
        column: usize,
        /// Its type.
        kind: ColumnType,
    },
    /// The rate of a counter.
    Rate {
        /// Which.
        column: usize,
        /// Its type.
        kind: ColumnType,
        /// What a second's growth of one counts for.
        scale: f64,
    },
}

/// A column that must have a value.
#[derive(Clone, Debug)]
struct Test {
    place: Place,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Key(usize),
    Cell(usize),
}

#[derive(Clone, Debug)]
enum Wanted {
    Text(Vec<u8>),
    Word(u64),
}

/// Why a rule does not fit its table, and which of its keys is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The column.
    #[error("{0}")]
    Column(String),
    /// One of the filters.
    #[error("{0}")]
    Where(String),
    /// For how long it must hold.
    #[error("{0}")]
    For(String),
    /// By how much it must rise.
    #[error("{0}")]
    Rise(String),
}

impl Binding {
    /// That of `rule` to the table of `schema`.
    ///
    /// # Errors
    /// What does not fit, as a sentence with the nearest name.
    pub fn new(rule: &Rule, schema: &Schema) -> Result<Binding, Misfit> {
        if schema.kind == TableKind::Event {
            check_events(rule)?;
        }
        let tests = rule.filters.iter().map(|(column, text)| test(schema, column, text));
        let tests = tests.collect::<Result<_, _>>()?;
        let (measure, unit) = match &rule.column {
            None => (Measure::Rows, "rows".to_owned()),
            Some(name) => measure(schema, name)?,
        };
        Ok(Binding { measure, tests, unit })
    }

    /// Whether a row counts.
    #[inline]
    pub fn passes(&self, held: &Held<'_>, row: usize) -> bool {
        self.tests.iter().all(|test| {
            let word = match test.place {
                Place::Key(key) => held.key(held.instance(row), key),
                Place::Cell(column) => held.cell(row, column),
            };
            match (&test.wanted, word) {
                (Wanted::Text(text), Some(word)) => held.string(word) == text.as_slice(),
                (Wanted::Word(wanted), Some(word)) => word == *wanted,
                (_, None) => false,
            }
        })
    }
}

/// The number that a word of a column is.
pub fn number(kind: ColumnType, word: u64) -> f64 {
    match kind {
        ColumnType::F64 => f64::from_bits(word),
        ColumnType::I64 => word.cast_signed() as f64,
        _ => word as f64,
    }
}

/// An event happens, and that is all: nothing of it holds, or rises.
fn check_events(rule: &Rule) -> Result<(), Misfit> {
    let told = |key| format!("{} is a table of events, of which {key}", rule.table);
    if !rule.holds.is_zero() {
        return Err(Misfit::For(told("none holds for a time: leave `for` out")));
    }
    if rule.rise.is_some() {
        return Err(Misfit::Rise(told("there is no mean: leave `rise` out")));
    }
    Ok(())
}

fn measure(schema: &Schema, name: &str) -> Result<(Measure, String), Misfit> {
    let found = schema.row_columns().enumerate().find(|(_, column)| column.name == name);
    let Some((at, column)) = found else { return Err(Misfit::Column(unknown(schema, name))) };
    let kind = column.kind;
    if kind.is_dictionary() {
        let what = format!("`{name}` of `{}` is a {}, not a number", schema.name, kind.name());
        return Err(Misfit::Column(format!("{what}; `where` picks rows by such columns")));
    }
    if column.semantics != Semantics::Counter || schema.kind == TableKind::Event {
        return Ok((Measure::Value { column: at, kind }, column.unit.to_string()));
    }
    let (scale, unit) = match &*column.unit {
        unit::NS => (PERCENT_OF_NS, unit::PERCENT.to_owned()),
        other => (1.0, format!("{other}/s")),
    };
    Ok((Measure::Rate { column: at, kind, scale }, unit))
}

fn unknown(schema: &Schema, name: &str) -> String {
    if schema.keys.iter().any(|key| key.name == name) {
        return format!("`{name}` tells the rows of `{}` apart; `where` picks by it", schema.name);
    }
    no_column(schema, name, schema.row_columns())
}

fn no_column<'a>(schema: &Schema, name: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let near = nearest(name, columns.map(|column| column.name.as_str()));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("table `{}` has no column `{name}`{near}", schema.name)
}

fn test(schema: &Schema, name: &str, text: &str) -> Result<Test, Misfit> {
    let is_it = |column: &&Column| column.name == name;
    let key = schema.keys.iter().position(|column| is_it(&column));
    let cell = schema.row_columns().position(|column| is_it(&column));
    let place = match (key.filter(|_| schema.kind == TableKind::Sample), cell) {
        (Some(key), _) => Place::Key(key),
        (None, Some(cell)) => Place::Cell(cell),
        (None, None) => {
            let all = schema.keys.iter().chain(&schema.values);
            return Err(Misfit::Where(no_column(schema, name, all)));
        }
    };
    let column = schema.keys.iter().chain(&schema.values).find(is_it);
    let kind = column.map_or(ColumnType::String, |column| column.kind);
    let wrong = |what| Misfit::Where(format!("`{name}` of `{}` {what}", schema.name));
    let wanted = match kind {
        ColumnType::String | ColumnType::Bytes => Some(Wanted::Text(text.as_bytes().to_vec())),
        ColumnType::U64 => text.parse().ok().map(Wanted::Word),
        ColumnType::I64 => {
            text.parse().ok().map(|number: i64| Wanted::Word(number.cast_unsigned()))
        }
        ColumnType::Bool => text.parse().ok().map(|is: bool| Wanted::Word(u64::from(is))),
        ColumnType::F64 | ColumnType::Histogram | ColumnType::Stack => {
            return Err(wrong(format!("is a {}, by which no row is picked", kind.name())));
        }
    };
    let wanted = wanted.ok_or_else(|| wrong(format!("is a {}, and `{text}` is none", kind.name())));
    Ok(Test { place, wanted: wanted? })
}
