//! Why a source cannot deliver.

use std::path::{Path, PathBuf};

/// Why a source cannot deliver.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// This kernel or machine does not have it. Not a failure: the source stays off.
    #[error("{what} is not available: {why}")]
    Unavailable {
        /// The file or facility.
        what: String,
        /// Why that is so, and what would bring it.
        why: String,
    },
    /// What the configuration asks for is not there yet. The source fails and is reopened until
    /// it is.
    #[error(
        "{what} does not exist yet; its key `{key}` names it, so nothing is recorded until it does \
         ({known})"
    )]
    NotYetPresent {
        /// What is missing, with its name.
        what: String,
        /// The key of the configuration.
        key: &'static str,
        /// What would tell a name that is right.
        known: &'static str,
    },
    /// What the configuration asks for is another one than it was, under the same name.
    #[error("{what} was recreated; the eBPF programs still look at the old one")]
    Recreated {
        /// What, with its name.
        what: String,
    },
    /// What samples in the kernel does so no more.
    #[error("{what} stopped producing samples")]
    Silent {
        /// The producer.
        what: &'static str,
    },
    /// The recorder ends: the source is not wanted any more.
    #[error("the recorder ends")]
    Ending,
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// A file holds something that cannot be understood.
    #[error("cannot parse {}: {what}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place, in words.
        what: String,
    },
}

impl SourceError {
    /// A failed read of `path`.
    pub fn read(path: &Path, source: impl Into<std::io::Error>) -> SourceError {
        SourceError::Read { path: path.to_owned(), source: source.into() }
    }

    /// Something in `path` that cannot be understood.
    pub fn parse(path: &Path, what: impl Into<String>) -> SourceError {
        SourceError::Parse { path: path.to_owned(), what: what.into() }
    }
}
