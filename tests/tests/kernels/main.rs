//! The recorder on real kernels: Debian's in emulated machines, with the module; and this host's,
//! with the eBPF timer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod all;
mod bursts;
mod clock;
mod console;
mod guest;
mod happenings;
mod host;
mod machine;
mod power;
mod recording;
mod stat;
mod table;
mod turns;
