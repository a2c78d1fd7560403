//! The clock of one thread, which wakes every source on it that is due.
//!
//! However many sources there are, the kernel has one timer for them, and the thread wakes once
//! for all that are due at that instant. A tick is handed over through the waker of the stream
//! that waits for it: nothing is allocated and nothing is locked.

use super::alarm::Alarm;
use super::schedule::{Due, Schedule};
use actix::dev::Stream;
use nodemon_formats::GapCause;
use nodemon_formats::clock::boottime_ns;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A source's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The deadline that has come, `CLOCK_BOOTTIME` ns.
    pub deadline_ns: u64,
    /// Deadlines that passed before it without a tick.
    pub missed: u64,
    /// Why they passed: [`GapCause::Late`], or [`GapCause::Suspended`].
    pub cause: GapCause,
}

/// Wakes sources of one thread.
pub struct Clock {
    state: RefCell<State>,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` when the recorder started, ns.
    offset_ns: i64,
}

struct State {
    slots: Vec<Option<Slot>>,
    /// How long the machine was suspended since boot, as far as that is known here, ns.
    suspended_ns: u64,
    /// Who waits for the earliest deadline, to be told when there is an earlier one.
    driver: Option<Waker>,
}

struct Slot {
    schedule: Schedule,
    tick: Option<Tick>,
    waker: Option<Waker>,
}

impl Clock {
    /// A clock without sources, whose deadlines are aligned to a wall clock that is `offset_ns`
    /// ahead of `CLOCK_BOOTTIME`.
    pub fn new(offset_ns: i64) -> Rc<Clock> {
        let state = State { slots: Vec::new(), suspended_ns: suspended_ns(), driver: None };
        Rc::new(Clock { state: RefCell::new(state), offset_ns })
    }

    /// `time_ns` of `CLOCK_BOOTTIME` on the wall clock to which deadlines are aligned, ns.
    pub fn wall_ns(&self, time_ns: u64) -> i64 {
        time_ns.cast_signed().wrapping_add(self.offset_ns)
    }

    /// Why deadlines passed over a time of `late_ns` that ends now.
    pub fn why_late(&self, late_ns: u64) -> GapCause {
        let before_ns = self.state.borrow().suspended_ns;
        cause_of(late_ns, suspended_ns().saturating_sub(before_ns))
    }

    /// A tick for every deadline after `from_ns`, one every `interval_ns`. They end when the stream
    /// is dropped.
    pub fn ticks(self: &Rc<Clock>, interval_ns: u64, from_ns: u64) -> Ticks {
        let schedule = Schedule::aligned(interval_ns, from_ns, self.offset_ns);
        let slot = Slot { schedule, tick: None, waker: None };
        let mut state = self.state.borrow_mut();
        let free = state.slots.iter().position(Option::is_none);
        let slot_number = free.unwrap_or(state.slots.len());
        match state.slots.get_mut(slot_number) {
            Some(place) => *place = Some(slot),
            None => state.slots.push(Some(slot)),
        }
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
        Ticks { clock: self.clone(), slot: slot_number }
    }

    /// Drives the clock, for ever.
    ///
    /// # Errors
    /// When the kernel's timer fails, after which no tick comes any more.
    pub async fn run(self: Rc<Clock>) -> io::Error {
        let mut alarm = match Alarm::new() {
            Ok(alarm) => alarm,
            Err(error) => return error,
        };
        loop {
            // Sources that were woken, and then whoever they woke, have their turn before the
            // thread may sleep again.
            yield_to_woken().await;
            yield_to_woken().await;
            let deadline = poll_fn(|cx| self.poll_next_deadline(&mut alarm, cx)).await;
            if let Err(error) = deadline {
                return error;
            }
            self.state.borrow_mut().ring(boottime_ns());
        }
    }

    fn poll_next_deadline(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let next_ns = {
            let mut state = self.state.borrow_mut();
            state.driver = Some(cx.waker().clone());
            state.next_ns()
        };
        match next_ns {
            Some(next_ns) => alarm.poll(next_ns, cx),
            None => Poll::Pending,
        }
    }
}

impl State {
    fn next_ns(&self) -> Option<u64> {
        self.slots.iter().flatten().map(|slot| slot.schedule.next_ns()).min()
    }

    /// Wakes whoever is due at `now_ns`.
    fn ring(&mut self, now_ns: u64) {
        let mut suspended = None;
        for slot in self.slots.iter_mut().flatten() {
            let Some(Due { deadline_ns, missed }) = slot.schedule.due(now_ns) else { continue };
            // A source that has not taken its last tick yet has missed it.
            let missed = missed + slot.tick.map_or(0, |tick| tick.missed + 1);
            let cause = if missed == 0 {
                GapCause::Late
            } else {
                let before_ns = self.suspended_ns;
                let now_ns = *suspended.get_or_insert_with(suspended_ns);
                cause_of(missed * slot.schedule.interval_ns(), now_ns.saturating_sub(before_ns))
            };
            slot.tick = Some(Tick { deadline_ns, missed, cause });
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
        self.suspended_ns = suspended.unwrap_or(self.suspended_ns);
    }
}

/// Why deadlines passed over a time of `late_ns` in which the machine was suspended for
/// `suspended_ns`.
fn cause_of(late_ns: u64, suspended_ns: u64) -> GapCause {
    if suspended_ns > late_ns / 2 { GapCause::Suspended } else { GapCause::Late }
}

/// How long the machine was suspended since boot, ns: `CLOCK_BOOTTIME` counts that time and
/// `CLOCK_MONOTONIC` does not.
fn suspended_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let monotonic = clock_gettime(ClockId::Monotonic);
    let monotonic_ns = monotonic.tv_sec * 1_000_000_000 + monotonic.tv_nsec;
    boottime_ns().saturating_sub(monotonic_ns.cast_unsigned())
}

/// Lets every task run that is ready now. tokio's own `yield_now` asks the kernel for events each
/// time, which is a system call that a source of 1 ms need not pay for.
async fn yield_to_woken() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The ticks of one source.
pub struct Ticks {
    clock: Rc<Clock>,
    slot: usize,
}

impl Stream for Ticks {
    type Item = Tick;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tick>> {
        let mut state = self.clock.state.borrow_mut();
        let Some(Some(slot)) = state.slots.get_mut(self.slot) else { return Poll::Ready(None) };
        match slot.tick.take() {
            Some(tick) => Poll::Ready(Some(tick)),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        if let Some(slot) = self.clock.state.borrow_mut().slots.get_mut(self.slot) {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::cause_of;
    use nodemon_formats::GapCause;

    #[test]
    fn ticks_that_a_sleeping_machine_missed_are_not_blamed_on_the_recorder() {
        assert_eq!(cause_of(3_000_000_000, 0), GapCause::Late);
        assert_eq!(cause_of(3_000_000_000, 200_000), GapCause::Late);
        assert_eq!(cause_of(3_600_000_000_000, 3_599_000_000_000), GapCause::Suspended);
    }
}
