//! Which format the rows have, and how a table looks in it.

use crate::cli::RangeArgs;
use crate::context::Context;
use crate::error::QueryError;
use crate::format;
use crate::listing::first_sentence;
use crate::rows::{Format, Look};
use nodemon_formats::Schema;
use std::io::IsTerminal;
use terminal_size::{Height, Width};

/// The format that was asked for.
///
/// # Errors
/// When a terminal would be spoilt by it.
pub fn from_args(args: &RangeArgs) -> Result<&'static Format, QueryError> {
    let by_name = || args.output.as_deref().and_then(format::of_path);
    let format = args.format.or_else(by_name).unwrap_or(format::TABLE);
    if format.is_binary && args.output.is_none() && std::io::stdout().is_terminal() {
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
