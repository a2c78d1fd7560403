//! The recorder of nodemon: sources, the writer, configuration, control.

// What comes from a disk, the kernel or a person is never cut short without a word. Tests may, of
// what they made themselves.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)
)]

pub mod actor;
#[cfg(test)]
mod allocations;
pub mod check;
pub mod cli;
pub mod command;
pub mod config;
pub mod control;
pub mod functions;
pub mod kernel_files;
pub mod limits;
mod mapped_files;
pub mod mark;
pub mod overhead;
pub mod pin;
pub mod privilege;
pub mod programs;
pub mod redact;
pub mod retention;
pub mod ring;
pub mod source;
pub mod sources;
pub mod stacks;
pub mod tables;
pub mod time_namespace;
pub mod trigger;
pub mod trust;
pub mod waiting;
