//! The formats: one line each.

use crate::rows::Format;
use crate::{columnar, sink};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::Path;

/// Every format, in the order in which the help has them.
pub static FORMATS: &[&Format] = &[
    &sink::table::FORMAT,
    &sink::csv::FORMAT,
    &sink::jsonl::FORMAT,
    &columnar::parquet::FORMAT,
    &columnar::arrow::FORMAT,
];

/// What people read.
pub static TABLE: &Format = &sink::table::FORMAT;

/// The format that a file name suggests.
pub fn of_path(path: &Path) -> Option<&'static Format> {
    let extension = path.extension()?.to_str()?;
    FORMATS.iter().copied().find(|format| format.extensions.contains(&extension))
}

/// Takes the names of those formats of which `is_taken` holds.
pub fn parser(is_taken: fn(&Format) -> bool) -> impl TypedValueParser<Value = &'static Format> {
    let taken = move || FORMATS.iter().copied().filter(move |format| is_taken(format));
    let values = taken().map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(values).try_map(move |name| {
        taken().find(|format| format.name == name).ok_or("there is no such format")
    })
}
