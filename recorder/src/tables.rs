//! Every table and column, for people: as a list, and as the document `docs/tables.md`.

use crate::source::Descriptor;
use nodemon_formats::text::wrap;
use nodemon_formats::units::exact_duration;
use nodemon_formats::{Column, Schema, TableKind};
use std::fmt::{self, Write};

/// What a column is stands beside it where there is so much room, else below it.
const LEAST_ROOM: usize = 24;

/// What the tables are on this machine, as text that lines up, in lines of up to `room` characters.
pub fn list(sources: &[&Descriptor], room: usize) -> String {
    let tables: Vec<Schema> = sources.iter().flat_map(|source| (source.tables)()).collect();
    text(|out| tables.iter().try_for_each(|table| list_table(out, table, room)))
}

fn list_table(out: &mut String, table: &Schema, room: usize) -> fmt::Result {
    let width = columns(table).map(|(column, _)| column.name.len()).max().unwrap_or(0);
    let heading = format!("{}  {} ({})", table.name, table.doc, table.source);
    writeln!(out, "{}", wrap(&heading, room).join("\n"))?;
    // Name, type, meaning and unit stand before what a column is.
    let before = width + 30;
    let indent = format!("\n{:before$}", "");
    for (column, meaning) in columns(table) {
        let Column { name, kind, unit, doc, .. } = column;
        let (left, below) = (room.saturating_sub(before), "\n      ");
        let doc = match left {
            _ if doc.len() <= left => doc.to_string(),
            LEAST_ROOM.. => wrap(doc, left).join(&indent),
            _ => format!("{below}{}", wrap(doc, room.saturating_sub(6)).join(below)),
        };
        let line = format!("  {name:width$}  {:6}  {meaning:7}  {unit:7}  {doc}", kind.name());
        line.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))?;
    }
    writeln!(out)
}

/// The columns of a table, keys first, each with what it means.
fn columns(table: &Schema) -> impl Iterator<Item = (&Column, &'static str)> {
    let keys = table.keys.iter().map(|column| (column, "key"));
    keys.chain(table.values.iter().map(|column| (column, column.semantics.name())))
}

const HEAD: &str = "\
# Tables and columns

Made by `nodemon-recorder tables --markdown`; `nodemon-recorder tables` lists what this machine's
kernel has.

A *key* tells the rows of one sample apart. A *counter* only grows, and its rate is what people look
at; a *gauge* is a level; a *state* is a name or a flag. Where the kernel counts in coarser steps
than the unit, the step stands with it. A value that could not be had is absent, which is not zero.

";

/// The document of all tables: the same on every machine.
pub fn markdown(sources: &[&Descriptor]) -> String {
    text(|out| {
        out.push_str(HEAD);
        out.push_str("| source | reads | cadence | tables |\n| --- | --- | --- | --- |\n");
        for source in sources {
            let Descriptor { name, reads, default_interval, default_on, .. } = source;
            let link = |table: &Schema| format!("[{0}](#{0})", table.name);
            let tables: Vec<String> = tables_of(source).iter().map(link).collect();
            let off = if *default_on { "" } else { ", off by default" };
            let cadence = exact_duration(*default_interval);
            writeln!(out, "| {name} | `{reads}` | {cadence}{off} | {} |", tables.join(", "))?;
        }
        let document = |out: &mut String, source: &&Descriptor| {
            tables_of(source).iter().try_for_each(|table| {
                document_table(out, table)?;
                document_rest(out, source)
            })
        };
        sources.iter().try_for_each(|source| document(out, source))
    })
}

fn tables_of(source: &Descriptor) -> Vec<Schema> {
    source.described.unwrap_or(source.tables)()
}

fn document_table(out: &mut String, table: &Schema) -> fmt::Result {
    let rows = match table.kind {
        TableKind::Sample => "",
        TableKind::Event => " One row for each event.",
    };
    let doc = table.doc.trim_end_matches('.');
    writeln!(out, "\n## {}\n\n{doc}. From `{}`.{rows}\n", table.name, table.source)?;
    out.push_str("| column | | type | unit | what it is |\n| --- | --- | --- | --- | --- |\n");
    for (column, meaning) in columns(table) {
        let Column { name, kind, unit, quantum, doc, .. } = column;
        let step = if *quantum > 1 { format!(", steps of {quantum}") } else { String::new() };
        let doc = doc.replace('|', "\\|");
        writeln!(out, "| {name} | {meaning} | {} | {unit}{step} | {doc} |", kind.name())?;
    }
    Ok(())
}

fn document_rest(out: &mut String, source: &Descriptor) -> fmt::Result {
    if source.described.is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "\nEvery other field that the running kernel has in `{}` is a column, too, under the \
         kernel's own name.",
        source.reads
    )
}

/// Formatting into a string cannot fail.
fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let _ = write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{columns, list, markdown, tables_of};
    use crate::sources::SOURCES;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_of_tables_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tables.md");
        let stands = std::fs::read_to_string(path).unwrap_or_default();
        let is = markdown(&SOURCES);
        let differs = stands.lines().zip(is.lines()).find(|(stands, is)| stands != is);
        assert!(
            stands == is,
            "docs/tables.md is not current, first at {differs:?}; make it with: nodemon-recorder \
             tables --markdown > docs/tables.md"
        );
    }

    #[test]
    fn what_is_described_of_a_kernel_dependent_table_is_as_this_kernel_has_it() {
        let mut compared = 0;
        for source in SOURCES.iter() {
            for (described, here) in tables_of(source).iter().zip((source.tables)()) {
                assert_eq!(described.name, here.name);
                for (column, _) in columns(described) {
                    if let Some((same, _)) = columns(&here).find(|(c, _)| c.name == column.name) {
                        assert_eq!(column, same, "in table {}", here.name);
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared > 200, "only {compared} columns could be compared");
    }

    #[test]
    fn every_table_has_a_name_of_its_own_and_every_column_says_what_it_is() {
        let mut names = BTreeSet::new();
        for table in SOURCES.iter().flat_map(|source| (source.tables)()) {
            assert!(names.insert(table.name.clone()), "two tables are called {}", table.name);
            let mut own = BTreeSet::new();
            for (column, _) in columns(&table) {
                let name = &column.name;
                assert!(own.insert(name), "two columns of {} are called {name}", table.name);
                assert!(!column.doc.is_empty(), "{}.{name} says nothing", table.name);
            }
        }
        assert!(list(&SOURCES, 80).lines().count() > names.len());
    }
}
