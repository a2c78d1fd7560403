//! The ring of fine rows: those of tables that are sampled more often than once a second. A
//! thousand rows a second would otherwise push out what is recorded once a second of everything
//! else.

use crate::schema::{Schema, TableKind};
use std::path::{Path, PathBuf};

/// The name of its directory within the recording.
pub const NAME: &str = "subsecond";

/// Tables that are sampled more often than this have fine rows, ns.
pub const FINE_BELOW_NS: u64 = 1_000_000_000;

/// Whether the rows of a table are fine.
pub fn is_fine(schema: &Schema) -> bool {
    schema.kind == TableKind::Sample && (1..FINE_BELOW_NS).contains(&schema.interval_ns)
}

/// The directory of the ring of fine rows of the recording in `dir`.
pub fn dir_of(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// The same, where there is one. A link is none: what it names belongs to somebody else.
pub fn existing(dir: &Path) -> Option<PathBuf> {
    let dir = dir_of(dir);
    dir.symlink_metadata().is_ok_and(|found| found.is_dir()).then_some(dir)
}
