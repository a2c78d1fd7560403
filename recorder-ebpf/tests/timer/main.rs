//! The timer and its ring on the kernel that runs these tests. Whatever this kernel or this user
//! does not allow is printed as skipped, with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod against_proc;
mod agreement;
mod idle;
mod layout;
mod life;
mod pace;
mod proc;
mod refusals;
mod ring;

use nodemon_recorder_ebpf::timer::{TimerError, TimerOptions, TimerRing};
use nodemon_skip::skip;

/// One millisecond, 4096 samples, on whichever CPU.
const OPTIONS: TimerOptions = TimerOptions { interval_ns: 1_000_000, slots: 4096, cpu: None };

/// Starts a timer, or says why this kernel or this user cannot have one.
fn start(options: &TimerOptions) -> Option<TimerRing> {
    match TimerRing::start(options) {
        Ok(timer) => Some(timer),
        Err(why @ (TimerError::NotPermitted(_) | TimerError::NoTimers | TimerError::Btf(_))) => {
            skip!("{why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
