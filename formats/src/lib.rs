//! The data model of nodemon and everything it keeps on disk.
//!
//! A *source* yields *tables*; it sends [`record`]s; a [`writer::RecordingWriter`] turns them into
//! compressed columnar [`block`]s inside [`segment`]s, which form a [`ring`] of fixed size on disk;
//! a [`reader::Recording`] answers questions about it, while it is being written or long after.
//!
//! No actors and no kernel interfaces live here: whatever can make a record can be recorded, and
//! whoever has the directory can read it. The layout on disk is written down byte by byte in
//! `docs/format.md`.

// What comes from a disk is never cut short without a word. Tests may, of what they made themselves.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)
)]

pub mod block;
mod chunk;
pub mod clock;
pub mod gap;
pub mod growth;
pub mod histogram;
pub mod interner;
pub mod memory;
pub mod narrow;
pub mod pin;
pub mod reader;
pub mod record;
pub mod ring;
pub mod schema;
pub mod segment;
pub mod stack;
pub mod text;
pub mod units;
pub mod value;
mod varint;
pub mod writer;

pub use gap::{Gap, GapCause};
pub use histogram::Histogram;
pub use schema::{Column, ColumnType, Schema, Semantics, TableKind};
pub use value::Value;
