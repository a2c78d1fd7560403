//! The command line that answers questions about a recording.
//!
//! A question travels through few stations. [`cli`] says what can be typed; [`time`], [`columns`]
//! and [`filter`] turn words into instants, columns and tests, from which [`question`] makes a plan;
//! [`answer`] reads the recording and yields [`rows`]; a [`sink`] (or one of [`columnar`]) writes
//! those down for a person or a program. Every format is a sink of the same rows, so `-f` never
//! changes what is answered, only how it looks.

// What comes from a disk, the kernel or a person is never cut short without a word. Tests may, of
// what they made themselves.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)
)]

mod absence;
pub mod answer;
pub mod cli;
pub mod columnar;
pub mod columns;
pub mod context;
pub mod dispatch;
pub mod error;
pub mod export;
pub mod filter;
mod foreign;
pub mod format;
pub mod gaps;
pub mod info;
pub mod interrupt;
pub mod listing;
pub mod man_pages;
mod marks;
mod off;
pub mod output;
pub mod portrait;
pub mod question;
pub mod range;
pub mod replay;
pub mod rows;
pub mod sink;
pub mod span;
pub mod stacks;
pub mod tables;
pub mod time;
mod triggers;
pub mod verify;

pub use error::{Outcome, QueryError};
