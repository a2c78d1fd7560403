//! Stacks of real processes, and of files that were made to do harm.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cost;
mod crafted;
mod hostile;
mod made;
mod names;
mod processes;
mod sampled;
