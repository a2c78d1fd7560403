//! The real binary, asked about recordings that the real writer wrote.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod crafted;
mod errors;
mod export;
mod gaps;
mod histograms;
mod man_pages;
mod names;
mod portrait;
mod replay;
mod rings;
mod shows;
mod stacks;
mod support;
mod terminal;
mod triggers;
