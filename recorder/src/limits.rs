//! The limits that the process was started under.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that a recorder needs to start: its directory, a segment, three threads with the
/// descriptors by which they wait, one source.
const LEAST_FILES: u64 = 32;

/// What is asked for where more may be had: programs in the kernel take one for each map and place.
const WANTED_FILES: u64 = 4096;

/// Raises the limit of open files as far as it may be.
///
/// # Errors
/// The limit, where the recorder cannot start under it.
pub fn raise_open_files() -> Result<(), u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX).min(WANTED_FILES);
    let current = limit.current.unwrap_or(u64::MAX);
    if current < most {
        // Where that is refused, the limit stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    }
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < LEAST_FILES => Err(files),
        _ => Ok(()),
    }
}

/// The least number of open files.
pub fn least_open_files() -> u64 {
    LEAST_FILES
}
