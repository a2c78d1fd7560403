//! `replay`.

use crate::cli::ReplayArgs;
use crate::context::Context;
use crate::error::{Outcome, QueryError};

/// Runs `replay`.
///
/// # Errors
/// When the recording cannot be read or the output cannot be written.
pub fn run(_context: &Context, _args: &ReplayArgs) -> Result<Outcome, QueryError> {
    Err(QueryError::Usage("replay is not built yet".into()))
}
