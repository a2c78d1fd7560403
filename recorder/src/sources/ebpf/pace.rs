//! When the samples are due of a source that is called more often, for its events.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Samples are due at whole multiples of the interval on the wall clock, as those of others are.
pub struct Pace {
    interval_ns: u128,
    /// The number of the interval in which the last sample was taken.
    last: Option<u128>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whether a sample is.
    pub is_now: bool,
    /// Samples that were due before and were not taken.
    pub missed: u64,
}

impl Pace {
    /// A sample every `interval`, and one at once.
    pub fn new(interval: Duration) -> Pace {
        Pace { interval_ns: interval.as_nanos().max(1), last: None }
    }

    /// What is due now.
    pub fn poll(&mut self) -> Due {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.poll_at(now.as_nanos())
    }

    fn poll_at(&mut self, now_ns: u128) -> Due {
        let number = now_ns / self.interval_ns;
        let Some(last) = self.last.replace(number) else { return Due { is_now: true, missed: 0 } };
        // A clock that was set back begins anew.
        let passed = number.checked_sub(last).unwrap_or(1);
        let missed = u64::try_from(passed.saturating_sub(1)).unwrap_or(u64::MAX);
        Due { is_now: passed > 0, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Pace};
    use std::time::Duration;

    #[test]
    fn a_sample_is_due_once_an_interval_and_what_was_missed_is_counted() {
        let mut pace = Pace::new(Duration::from_nanos(100));
        let mut poll = |now_ns| pace.poll_at(now_ns);
        let due = |missed| Due { is_now: true, missed };
        let not_yet = Due { is_now: false, missed: 0 };
        assert_eq!(poll(250), due(0), "at once");
        assert_eq!((poll(260), poll(299)), (not_yet, not_yet));
        assert_eq!((poll(300), poll(301)), (due(0), not_yet));
        assert_eq!(poll(720), due(3));
        assert_eq!(poll(500), due(0), "the clock was set back");
    }
}
