//! Every table and column, for people: as a list, and as the document `docs/tables.md`.

use crate::source::Descriptor;
use nodemon_formats::{Column, Schema, TableKind};
use std::fmt::{self, Write};

/// What the tables are on this machine, as text that lines up.
pub fn list(sources: &[&Descriptor]) -> String {
    let tables: Vec<Schema> = sources.iter().flat_map(|source| (source.tables)()).collect();
    text(|out| tables.iter().try_for_each(|table| list_table(out, table)))
}

fn list_table(out: &mut String, table: &Schema) -> fmt::Result {
    writeln!(out, "{}  {} ({})", table.name, table.doc, table.source)?;
    let columns = || keys(table).chain(table.values.iter().map(|column| (column, meaning(column))));
    let name_width = columns().map(|(column, _)| column.name.len()).max().unwrap_or(0);
    for (column, meaning) in columns() {
        let Column { name, kind, unit, doc, .. } = column;
        let kind = kind.name();
        writeln!(out, "  {name:name_width$}  {kind:6}  {meaning:7}  {unit:7}  {doc}")?;
    }
    writeln!(out)
}

fn keys(table: &Schema) -> impl Iterator<Item = (&Column, &'static str)> {
    table.keys.iter().map(|column| (column, "key"))
}

fn meaning(column: &Column) -> &'static str {
    column.semantics.name()
}

/// Formatting into a string cannot fail.
fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let _ = write(&mut out);
    out
}

/// The document of all tables.
pub fn markdown(sources: &[&Descriptor]) -> String {
    list(sources)
}
