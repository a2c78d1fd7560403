//! Recordings written and read back: what was pushed is what is read, whatever happens in between.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod model;
mod support;

mod crash;
mod round_trip;
mod tiers;
