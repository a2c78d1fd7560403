//! What reading about a process takes.

use super::asking::Asking;
use super::maps::Paths;
use std::path::Path;

/// What reading about a process takes.
pub(super) struct Reading<'a> {
    pub(super) proc: &'a Path,
    pub(super) paths: &'a mut Paths,
    /// The number of the batch.
    pub(super) batch: u64,
    pub(super) asking: &'a Asking,
}
