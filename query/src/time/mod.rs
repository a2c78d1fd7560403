//! Instants: reading what people type, showing what they read.

mod duration;
mod show;
mod spec;

pub use duration::{parse_duration_ns, show_age};
pub use show::{Stamp, show_instant, show_precise};
pub use spec::{TimeSpec, signed_span};
