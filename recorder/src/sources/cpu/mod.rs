//! CPUs: what they did, and who waits for them.

pub mod cpus;
pub mod interrupts;
pub mod loadavg;
pub mod pressure;
pub mod stat;
