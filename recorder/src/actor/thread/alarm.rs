//! Waiting for an instant on `CLOCK_BOOTTIME`.
//!
//! tokio's timers count in milliseconds and round up, so they are too coarse for a deadline. Two
//! ways are better, and which one is right depends on how soon the next deadline comes (measured
//! at 1 kHz on a virtual machine, CPU time a wake and median lateness):
//!
//! | | CPU time | late |
//! | --- | --- | --- |
//! | `clock_nanosleep` until an absolute time | 28-32 µs | 92 µs, of which the timer slack is 50 |
//! | timerfd, set anew each time, in the runtime's epoll | 36-43 µs | 64 µs |
//!
//! Sleeping in the kernel is cheaper, but nothing else happens on the thread in the meantime, and
//! a task set looks for messages of other threads only every 31 turns: some ten sleeps. At 1 ms
//! that is nothing that a message would notice and 0.6 % of a CPU saved; at 10 ms it would be a
//! tenth of a second and 0.06 %. So short waits sleep, and longer ones let the runtime wait.

use nodemon_formats::clock::boottime_ns;
use rustix::thread::{ClockId, clock_nanosleep_absolute, set_current_timer_slack};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits shorter than this block the thread.
const SLEEP_BELOW_NS: u64 = 3_000_000;
/// How late the kernel may wake a thread that sleeps, to do several wakes at once; 50 µs unless
/// somebody says otherwise.
const TIMER_SLACK_NS: u64 = 1_000;

/// An alarm clock for one thread with a runtime.
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
    set_to_ns: u64,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// What the kernel answers to `timerfd_create(2)` or `epoll_ctl(2)`.
    pub fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        // Without it, wakes are as late as they are by default, and nothing else is amiss.
        let _ = set_current_timer_slack(NonZeroU64::new(TIMER_SLACK_NS));
        // SAFETY: the descriptor was just made and is owned, so it stays open, and what it was made
        // for, until the `AsyncFd` is dropped and closes it.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Alarm { timer: timer?, set_to_ns: 0 })
    }

    /// Ready once `deadline_ns` has come. Blocks the thread until then when that is soon.
    ///
    /// # Errors
    /// What the kernel answers to `timerfd_settime(2)`, `epoll_wait(2)` or `clock_nanosleep(2)`.
    pub fn poll(&mut self, deadline_ns: u64, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let now_ns = boottime_ns();
            if now_ns >= deadline_ns {
                return Poll::Ready(Ok(()));
            }
            if deadline_ns - now_ns < SLEEP_BELOW_NS {
                match clock_nanosleep_absolute(ClockId::Boottime, &timespec(deadline_ns)) {
                    Ok(()) | Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
            if self.set_to_ns != deadline_ns {
                self.set(deadline_ns)?;
            }
            match self.timer.poll_read_ready(cx) {
                Poll::Ready(guard) => guard?.clear_ready(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn set(&mut self, deadline_ns: u64) -> io::Result<()> {
        let once = Itimerspec { it_interval: timespec(0), it_value: timespec(deadline_ns) };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        self.set_to_ns = deadline_ns;
        Ok(())
    }
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / 1_000_000_000).cast_signed(),
        tv_nsec: (ns % 1_000_000_000).cast_signed(),
    }
}
