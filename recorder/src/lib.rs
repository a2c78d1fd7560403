//! The recorder of nodemon: sources, the writer, configuration, control.

#[cfg(test)]
mod allocations;
pub mod overhead;
pub mod parse;
pub mod procfile;
pub mod source;
