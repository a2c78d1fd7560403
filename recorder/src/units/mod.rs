//! Durations, sizes and names as people write them.

mod duration;
mod nearest;
mod size;

pub use duration::{exact_duration, parse_duration, parse_interval};
pub use nearest::did_you_mean;
pub use size::{exact_size, parse_size, rough_size};
