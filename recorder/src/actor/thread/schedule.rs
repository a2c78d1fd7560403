//! When a source is due: absolute deadlines that do not drift.
//!
//! Deadlines are whole multiples of the interval on the wall clock as it stood when the recorder
//! started, so that sources of one cadence wake together, longer cadences fall on ticks of shorter
//! ones, and nodes with synchronised clocks are sampled at the same instants. What counts time is
//! `CLOCK_BOOTTIME`: a wall clock that is set later moves no deadline.

/// Deadlines of one source.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    interval_ns: u64,
    next_ns: u64,
}

/// One deadline that has come, and those that had passed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The deadline, `CLOCK_BOOTTIME` ns.
    pub deadline_ns: u64,
    /// Deadlines before it that nobody woke for.
    pub missed: u64,
}

impl Schedule {
    /// Deadlines every `interval_ns`, the first of them after `now_ns`, at multiples of the
    /// interval of a clock that is `offset_ns` ahead of `CLOCK_BOOTTIME`.
    pub fn aligned(interval_ns: u64, now_ns: u64, offset_ns: i64) -> Schedule {
        let interval_ns = interval_ns.max(1);
        let wall_ns = i128::from(now_ns) + i128::from(offset_ns);
        // Less than the interval, which has 64 bits.
        let into = u64::try_from(wall_ns.rem_euclid(i128::from(interval_ns))).unwrap_or(0);
        Schedule { interval_ns, next_ns: now_ns + (interval_ns - into) }
    }

    /// The next deadline, `CLOCK_BOOTTIME` ns.
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Time from one deadline to the next, ns.
    pub fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// The deadline that `now_ns` has reached, if it has. When several have passed, the last one
    /// counts and the others are missed: a source that was held up samples once, not in a burst.
    pub fn due(&mut self, now_ns: u64) -> Option<Due> {
        let late_ns = now_ns.checked_sub(self.next_ns)?;
        let missed = late_ns / self.interval_ns;
        let deadline_ns = self.next_ns + missed * self.interval_ns;
        self.next_ns = deadline_ns + self.interval_ns;
        Some(Due { deadline_ns, missed })
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Schedule};
    use proptest::prelude::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn deadlines_fall_on_whole_multiples_of_the_interval_on_the_wall_clock() {
        let offset_ns = 1_700_000_000_123_456_789;
        for interval_ns in [1_000_000, 10_000_000, 250_000_000, SECOND_NS, 60 * SECOND_NS] {
            let schedule = Schedule::aligned(interval_ns, 987_654_321_012, offset_ns);
            let wall = schedule.next_ns().cast_signed() + offset_ns;
            assert_eq!(wall % interval_ns.cast_signed(), 0, "{interval_ns}");
        }
    }

    #[test]
    fn a_source_that_was_held_up_samples_once_and_counts_what_it_missed() {
        let mut schedule = Schedule::aligned(SECOND_NS, 9 * SECOND_NS + 1, 0);
        assert_eq!(schedule.due(10 * SECOND_NS - 1), None);
        let at_ten = Due { deadline_ns: 10 * SECOND_NS, missed: 0 };
        assert_eq!(schedule.due(10 * SECOND_NS + 300), Some(at_ten));
        assert_eq!(schedule.due(10 * SECOND_NS + 400), None, "a deadline comes once");
        let at_fourteen = Due { deadline_ns: 14 * SECOND_NS, missed: 3 };
        assert_eq!(schedule.due(14 * SECOND_NS + 999_999_999), Some(at_fourteen));
        assert_eq!(schedule.next_ns(), 15 * SECOND_NS, "the one after comes in its own time");
    }

    proptest! {
        #[test]
        fn every_deadline_is_met_or_missed_exactly_once_however_late_the_wakes_are(
            interval_ns in 1_000_000u64..10 * SECOND_NS,
            start_ns in 0u64..1 << 50,
            offset_ns in -(1i64 << 60)..1 << 60,
            steps in proptest::collection::vec(0u64..3 * SECOND_NS, 1..200),
        ) {
            let mut schedule = Schedule::aligned(interval_ns, start_ns, offset_ns);
            let first_ns = schedule.next_ns();
            prop_assert!(first_ns > start_ns && first_ns <= start_ns + interval_ns);
            let (mut now_ns, mut accounted) = (start_ns, 0);
            for step in steps {
                now_ns += step;
                if let Some(due) = schedule.due(now_ns) {
                    accounted += due.missed + 1;
                    prop_assert!(due.deadline_ns <= now_ns, "no deadline comes early");
                    prop_assert!(now_ns - due.deadline_ns < interval_ns, "only the last one counts");
                }
                prop_assert!(schedule.next_ns() > now_ns);
                prop_assert_eq!(schedule.next_ns(), first_ns + accounted * interval_ns);
            }
        }
    }
}
