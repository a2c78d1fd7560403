//! What the benches share.

pub mod frec;
