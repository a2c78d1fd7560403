//! The gaps as a table of their own.

use super::tables::Source;
use crate::error::QueryError;
use crate::rows::{Batch, BatchColumn, Field, Header, Role};
use crate::span::Span;
use nodemon_formats::reader::Recording;
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics};

/// The name of the table and of its file.
pub const NAME: &str = "gaps";

/// The gaps of the tables in the span: a row each, the time being the start.
///
/// # Errors
/// When the recording cannot be read.
pub fn table(
    recording: &Recording,
    sources: &[Source],
    span: &Span,
) -> Result<(Header, Batch), QueryError> {
    let is_of_source =
        |name: &str| name.is_empty() || sources.iter().any(|source| source.schema.name == name);
    let mut batch = Batch::default();
    let mut words: [Vec<u64>; 5] = Default::default();
    for gap in recording.gaps(None, span.from, span.to)? {
        if !is_of_source(&gap.gap.table) {
            continue;
        }
        batch.times.push(gap.from);
        let mut text = |text: &str| u64::from(batch.strings.intern(text.as_bytes()));
        let row = [
            text(&gap.gap.table),
            gap.to.cast_unsigned(),
            text(gap.gap.cause.phrase()),
            gap.gap.lost,
            text(&gap.gap.detail),
        ];
        words.iter_mut().zip(row).for_each(|(column, word)| column.push(word));
    }
    let column = |words| BatchColumn { words, present: None };
    batch.columns = words.into_iter().map(column).collect();
    let schema = Schema::event(NAME, "nodemon-recorder", "Time without data, and why");
    let mut header = Header::from_schema(&schema, recording.host());
    header.fields = fields();
    Ok((header, batch))
}

fn fields() -> Vec<Field> {
    let field = |role, name, kind, unit, doc| {
        let column = Column::new(name, kind, Semantics::State, unit, doc);
        Field::from_column(&column, role)
    };
    let table = "the table that has no data; empty when it is every table";
    let lost = "samples or events that are lost; 0 when that cannot be known";
    vec![
        field(Role::Key, "table", ColumnType::String, unit::NONE, table),
        field(Role::Value, "until", ColumnType::I64, unit::NONE, "the end").instant(),
        field(Role::Value, "cause", ColumnType::String, unit::NONE, "why there is no data"),
        field(Role::Value, "lost", ColumnType::U64, unit::COUNT, lost),
        field(Role::Value, "detail", ColumnType::String, unit::NONE, "more than the cause says"),
    ]
}
