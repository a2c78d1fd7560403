//! What the benches share.

pub mod cost;
pub mod frec;
