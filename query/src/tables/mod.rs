//! `tables`: what tables there are, and what is in one.

pub mod measure;

use crate::cli::TablesArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};
use crate::listing::{Facts, Listing, first_sentence, show_count, show_many, terminal_width};
use crate::output::Output;
use crate::time::show_precise;
pub use measure::Measured;
use nodemon_formats::schema::unit;
use nodemon_formats::text::{printable, wrap};
use nodemon_formats::units::{show_duration, show_size};
use nodemon_formats::{Column, Schema, TableKind};

/// Runs `tables`.
///
/// # Errors
/// When the recording cannot be read, the table is unknown, or the output cannot be written.
pub fn run(context: &Context, args: &TablesArgs) -> Result<Outcome, QueryError> {
    let text = match &args.table {
        Some(name) => one(context, name)?,
        None => all(context)?,
    };
    Output::stdout().put(text.as_bytes())?;
    Ok(context.warn_of_problems())
}

/// On a terminal narrower than this some columns give way to what tables are.
const NARROW: usize = 100;

fn all(context: &Context) -> Result<String, QueryError> {
    let heading = [
        "table",
        ">every",
        ">instances",
        ">columns",
        ">samples",
        ">size",
        ">B/value",
        ">span",
        "what",
    ];
    let is_narrow = terminal_width().is_some_and(|width| width < NARROW);
    let is_shown = |name: &str| !(is_narrow && [">columns", ">B/value"].contains(&name));
    let shown: Vec<&str> = heading.into_iter().filter(|name| is_shown(name)).collect();
    let mut listing = Listing::new(&shown);
    let mut tables = measure::tables(context)?;
    tables.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    for table in &tables {
        let schema = &table.schema;
        let cells = [
            schema.name.clone(),
            cadence(schema),
            if schema.kind == TableKind::Event {
                String::new()
            } else {
                table.instances.to_string()
            },
            schema.values.len().to_string(),
            show_count(table.rows),
            show_size(table.size_bytes),
            table.bytes_a_value().map_or(String::new(), |bytes| format!("{bytes:.2}")),
            table
                .span
                .map_or(String::new(), |(first, last)| show_duration(last.saturating_sub(first))),
            first_sentence(&schema.doc).to_owned(),
        ];
        let cells = cells.into_iter().zip(heading).filter(|(_, name)| is_shown(name));
        listing.row(cells.map(|(cell, _)| cell));
    }
    Ok(listing.text(context.color))
}

fn one(context: &Context, name: &str) -> Result<String, QueryError> {
    let schema = context.table(name)?;
    let table = measure::table(context, &schema)?;
    let zone = &context.anchors.zone;
    let heading = format!("{}: {}", schema.name, schema.doc);
    let mut facts = Facts::new(10);
    let mut line = |name: &str, value: String| facts.line(name, &value);
    line("sampled", format!("{}, from {}", every(&schema), schema.source));
    match table.span {
        Some((first, last)) => {
            let length = show_duration(last.saturating_sub(first));
            let (first, last) = (show_precise(first, zone), show_precise(last, zone));
            line("span", format!("{first} .. {last} ({length})"));
        }
        None => line("span", "no rows".into()),
    }
    let noun = if schema.kind == TableKind::Event { "event" } else { "sample" };
    let mut stored = format!(
        "{} in {}, {}",
        show_many(table.rows, noun),
        show_many(table.blocks, "block"),
        show_size(table.size_bytes)
    );
    if let Some(bytes) = table.bytes_a_value() {
        stored.push_str(&format!(", about {bytes:.2} B a value"));
    }
    line("stored", stored);
    if !schema.keys.is_empty() && schema.kind == TableKind::Sample {
        line("instances", format!("{} in the newest block", table.instances));
    }
    let heading = printable(&heading).into_owned();
    let heading = wrap(&heading, terminal_width().unwrap_or(usize::MAX)).join("\n");
    let mut text = format!("{heading}\n{}\n", facts.text());
    let mut listing = Listing::new(&["column", "type", "unit", "kind", "resolution", "what"]);
    for key in &schema.keys {
        listing.row(column(key, "key"));
    }
    for value in &schema.values {
        listing.row(column(value, value.semantics.name()));
    }
    text.push_str(&listing.text(context.color));
    Ok(text)
}

fn column(column: &Column, kind: &str) -> [String; 6] {
    [
        column.name.clone(),
        column.kind.name().into(),
        column.unit.to_string(),
        kind.into(),
        exactness(column),
        column.doc.to_string(),
    ]
}

/// The step in which the kernel counts: `10 ms`; empty where it counts exactly.
fn exactness(column: &Column) -> String {
    match (column.quantum, &*column.unit) {
        (0, _) => String::new(),
        (quantum, unit::NS) => show_duration(quantum.cast_signed()),
        (quantum, unit::BYTES) => show_size(quantum),
        (quantum, unit) => format!("{quantum} {unit}").trim_end().to_owned(),
    }
}

fn cadence(schema: &Schema) -> String {
    match (schema.kind, schema.interval_ns) {
        (TableKind::Event, _) => "event".into(),
        (_, 0) => String::new(),
        (_, interval) => show_duration(interval.cast_signed()),
    }
}

fn every(schema: &Schema) -> String {
    match (schema.kind, schema.interval_ns) {
        (TableKind::Event, _) => "whenever it happens".into(),
        (_, 0) => "at no fixed cadence".into(),
        (_, interval) => format!("every {}", show_duration(interval.cast_signed())),
    }
}
