//! Marks: what somebody wants to find again in a recording. A job that begins, a deployment, "it is
//! slow again".
//!
//! The recorder listens on nothing, so a mark comes to it by the disk: as a file in the directory
//! `marks` of the recording, which is durable before the command ends, and which the source `mark`
//! makes a row of. So what is marked while nobody records is not lost either.

mod file;

pub use file::{Mark, MarkError, remove, waiting, write};

/// The directory of marks that have no row yet, in that of the recording.
pub const DIRECTORY: &str = "marks";
/// The longest name, bytes.
pub const MOST_NAME_BYTES: usize = 64;
/// The longest text, bytes.
pub const MOST_TEXT_BYTES: usize = 4096;
