//! Clocks: samples carry `CLOCK_BOOTTIME` nanoseconds, which never step and count suspended time;
//! the offset to the wall clock is recorded beside them whenever it moves.

use rkyv::{Archive, Deserialize, Serialize};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// `CLOCK_BOOTTIME` now, ns.
pub fn boottime_ns() -> u64 {
    to_ns(clock_gettime(ClockId::Boottime)).cast_unsigned()
}

fn to_ns(time: Timespec) -> i64 {
    time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec)
}

/// The wall clock was `boottime + offset` from `from_ns` on.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// `CLOCK_BOOTTIME` ns from which this offset holds.
    pub from_ns: u64,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME`, ns.
    pub offset_ns: i64,
}

/// The wall clock is taken to have moved when its offset to the boot clock changes by more than
/// this: reading two clocks one after the other is less exact than that on a busy machine.
const STEP_NS: u64 = 200_000;

impl ClockOffset {
    /// The clocks as they are `now`: with the offset known so far unless the wall clock moved, so
    /// that the same row does not get another wall time by the jitter of reading two clocks.
    #[must_use]
    pub fn renewed(self, now: ClockOffset) -> ClockOffset {
        let moved = now.offset_ns.abs_diff(self.offset_ns) > STEP_NS;
        ClockOffset { offset_ns: if moved { now.offset_ns } else { self.offset_ns }, ..now }
    }

    /// Reads both clocks. The wall clock is read between two reads of the other, and the closest
    /// of a few tries is taken, so that being scheduled away in between does not look like a step.
    pub fn now() -> ClockOffset {
        let mut best = ClockOffset { from_ns: 0, offset_ns: 0 };
        let mut width_ns = u64::MAX;
        for _ in 0..3 {
            let before = boottime_ns();
            let wall = to_ns(clock_gettime(ClockId::Realtime));
            let after = boottime_ns();
            let width = after - before;
            if width < width_ns {
                width_ns = width;
                let middle = before + width / 2;
                best = ClockOffset { from_ns: middle, offset_ns: wall - middle.cast_signed() };
            }
        }
        best
    }
}
