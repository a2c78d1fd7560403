//! Why writing failed.

use std::path::PathBuf;

/// Why writing failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another recorder writes here.
    #[error("{} is being written by the recorder with pid {pid}", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The other recorder.
        pid: u32,
    },
    /// The disk or the file system refused.
    #[error("cannot {doing} {}: {why}", path.display())]
    Disk {
        /// What was being done: `write`, `create`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        why: String,
    },
    /// The ring is smaller than what a recording needs.
    #[error("a ring of {size_bytes} bytes is too small: it takes at least {least_bytes}")]
    TooSmall {
        /// What was asked for.
        size_bytes: u64,
        /// What is needed.
        least_bytes: u64,
    },
    /// Two tiers have the same step, and would be written into the same directory.
    #[error("two tiers have the step {} s; leave one of them out", *step_ns as f64 / 1e9)]
    TierTwice {
        /// Their step, ns.
        step_ns: u64,
    },
    /// A record does not fit its table.
    #[error("record refused: {0}")]
    Record(#[from] crate::record::RecordError),
    /// A record names a table that was never added.
    #[error("a record names table number {0}, which was never added")]
    UnknownTable(u32),
}
