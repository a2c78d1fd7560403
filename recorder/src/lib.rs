//! The recorder of nodemon: sources, the writer, configuration, control.

pub mod actor;
#[cfg(test)]
mod allocations;
pub mod check;
pub mod cli;
pub mod command;
pub mod config;
pub mod control;
pub mod kernel_files;
pub mod limits;
mod mapped_files;
pub mod overhead;
pub mod privilege;
pub mod programs;
pub mod redact;
pub mod retention;
pub mod ring;
pub mod source;
pub mod sources;
pub mod tables;
pub mod time_namespace;
pub mod trust;
pub mod waiting;
