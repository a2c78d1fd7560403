//! Which sink takes the rows.

use crate::cli::{Format, RangeArgs};
use crate::columnar::arrow::ArrowSink;
use crate::columnar::parquet::ParquetSink;
use crate::context::Context;
use crate::error::QueryError;
use crate::listing::first_sentence;
use crate::output::Output;
use crate::rows::{Header, Sink};
use crate::sink::Look;
use crate::sink::csv::CsvSink;
use crate::sink::jsonl::JsonlSink;
use crate::sink::table::TableSink;
use nodemon_formats::Schema;
use std::io::IsTerminal;
use std::sync::Arc;
use terminal_size::{Height, Width};

/// The format that was asked for.
///
/// # Errors
/// When a terminal would be spoilt by it.
pub fn of(args: &RangeArgs) -> Result<Format, QueryError> {
    let by_name = || args.output.as_deref().and_then(Format::of_path);
    let format = args.format.or_else(by_name).unwrap_or(Format::Table);
    if format.is_binary() && args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(QueryError::Usage(
            "this format is not for terminals: write it to a file with -o, or into a pipe".into(),
        ));
    }
    Ok(format)
}

/// How the table of `schema` looks here, which is one of `several`.
pub fn look(context: &Context, args: &RangeArgs, schema: &Schema, several: bool) -> Look {
    let is_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let size = terminal_size::terminal_size().filter(|_| is_terminal);
    Look {
        title: several.then(|| format!("== {}: {}", schema.name, first_sentence(&schema.doc))),
        zone: context.anchors.zone.clone(),
        color: context.color && args.output.is_none(),
        height: size.map(|(_, Height(height))| usize::from(height)),
        width: size.filter(|_| args.columns.is_empty()).map(|(Width(width), _)| usize::from(width)),
        exact: args.raw,
        // Who names columns or instances wants to see them.
        hides_idle: !args.idle && args.columns.is_empty() && args.filters.is_empty(),
    }
}

/// A sink of `format` that writes to `output`; `several` tables may go there one after the other.
///
/// # Errors
/// When the output cannot be written.
pub fn sink(
    format: Format,
    header: &Arc<Header>,
    output: Output,
    look: Look,
    several: bool,
) -> Result<Box<dyn Sink>, QueryError> {
    Ok(match format {
        Format::Table => Box::new(TableSink::new(header.clone(), output, look)),
        Format::Csv => Box::new(CsvSink::new(header.clone(), output)),
        Format::Jsonl => Box::new(JsonlSink::new(header.clone(), output, several)),
        Format::Parquet => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Box::new(ParquetSink::new(output, header, threads)?)
        }
        Format::Arrow => Box::new(ArrowSink::new(output, header.clone())?),
    })
}
