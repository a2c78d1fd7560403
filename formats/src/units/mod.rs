//! Durations, sizes and names as people write them: one notation for both programs.

mod duration;
mod nearest;
mod size;

pub use duration::{DurationError, exact_duration, parse_duration, show_duration};
pub use nearest::nearest;
pub use size::{SizeError, exact_size, parse_size, show_size};
