//! The command line that answers questions about a recording.
//!
//! A question travels through few stations. [`cli`] says what can be typed, [`time`] and
//! `columns` turn words into instants and columns, `answer` reads the recording and yields
//! [`rows`], and a `sink` writes those down for a person or a program. Every format is a sink of
//! the same rows, so `-f` never changes what is answered, only how it looks.

pub mod answer;
pub mod cli;
pub mod columnar;
pub mod columns;
pub mod context;
pub mod dispatch;
pub mod error;
pub mod export;
pub mod filter;
pub mod output;
pub mod question;
pub mod replay;
pub mod rows;
pub mod time;

pub use error::{Outcome, QueryError};
