//! The real binary, asked about recordings that the real writer wrote.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod crafted;
mod errors;
mod export;
mod gaps;
mod histograms;
mod names;
mod pages;
mod replay;
mod rings;
mod shows;
mod support;
mod terminal;
