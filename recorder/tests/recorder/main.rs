//! The real program: started, signalled, asked, refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod configuration;
mod cost;
mod marks;
mod namespaces;
mod refused;
mod running;
mod support;
mod user;
