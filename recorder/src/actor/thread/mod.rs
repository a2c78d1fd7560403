//! A thread that samples: what wakes it, the sources on it, and its way to the writer.

pub mod alarm;
pub mod clock;
pub mod gaps;
pub mod outbox;
pub mod sampler_thread;
mod schedule;
pub mod surroundings;
pub mod workers;
