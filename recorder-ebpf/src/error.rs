//! Why a feature does not run.

use crate::rejection::{Rejection, behind, last_lines, rejection};
use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a feature does not run, in a sentence that says what is missing.
#[derive(Debug, Error)]
pub enum FeatureError {
    /// The kernel does not describe its types.
    #[error("the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF): {0}")]
    NoTypes(String),
    /// The process may not use eBPF.
    #[error(
        "the kernel does not let this process use eBPF ({0}): that takes root, or CAP_BPF, \
         CAP_PERFMON and CAP_NET_ADMIN"
    )]
    NotPermitted(String),
    /// It is to be told first what to look at.
    #[error("nothing is named to look at: {0}")]
    Unasked(&'static str),
    /// This kernel has no place for a program.
    #[error("missing in this kernel: {0}")]
    NoPlace(String),
    /// The verifier refused a program.
    #[error("the kernel refused the program '{program}' ({source}){}", behind(log))]
    Refused {
        /// Which program.
        program: &'static str,
        /// What the kernel answered.
        source: io::Error,
        /// The last lines of what its verifier said; nothing where it was not the verifier.
        log: String,
    },
    /// The embedded object is not what its manifest says.
    #[error("{0}")]
    Object(String),
    /// Whoever asked for it ends, and does not want it any more.
    #[error("whoever asked for it ends")]
    Ending,
    /// Anything else that the kernel or the loader said.
    #[error("{0}")]
    Load(String),
    /// Something could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file, or the map.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl From<EbpfError> for FeatureError {
    fn from(error: EbpfError) -> FeatureError {
        FeatureError::from_rejection(rejection(&error))
    }
}

impl From<MapError> for FeatureError {
    fn from(error: MapError) -> FeatureError {
        FeatureError::from_rejection(rejection(&error))
    }
}

impl FeatureError {
    fn from_rejection(rejection: Rejection) -> FeatureError {
        match rejection {
            Rejection::NotPermitted(why) => FeatureError::NotPermitted(why),
            Rejection::Other(text) => FeatureError::Load(text),
        }
    }

    /// Whether something else may be had where this is the answer: it is neither a permission that is
    /// missing nor the end of whoever asked.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, FeatureError::NotPermitted(_) | FeatureError::Ending)
    }

    /// What the loader said of `program`.
    pub(crate) fn from_program(program: &'static str, error: ProgramError) -> FeatureError {
        let ProgramError::LoadError { io_error, verifier_log } = error else {
            return FeatureError::from_rejection(rejection(&error));
        };
        let log = verifier_log.to_string();
        if io_error.kind() == io::ErrorKind::PermissionDenied && log.trim().is_empty() {
            return FeatureError::NotPermitted(io_error.to_string());
        }
        FeatureError::Refused { program, source: io_error, log: last_lines(&log) }
    }
}
