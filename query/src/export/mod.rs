//! `export`.

use crate::cli::ExportArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};

/// Runs `export`.
///
/// # Errors
/// When the recording cannot be read or the output cannot be written.
pub fn run(_context: &Context, _args: &ExportArgs) -> Result<Outcome, QueryError> {
    Err(QueryError::Usage("export is not built yet".into()))
}
