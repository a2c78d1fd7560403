//! How long to wait before trying again what has failed.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits that double from one failure to the next.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait after one more failure, given for how long it had worked before. What held
    /// out for longer than the longest wait starts over: this is a new failure, not the same one.
    pub fn failed(&mut self, worked_for: Duration) -> Duration {
        if worked_for > LONGEST {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_a_minute_and_start_over_after_a_good_while() {
        let mut backoff = Backoff::default();
        let mut waits = |worked_for, times: usize| -> Vec<u64> {
            let worked_for = Duration::from_secs(worked_for);
            (0..times).map(|_| backoff.failed(worked_for).as_secs()).collect()
        };
        assert_eq!(waits(0, 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(waits(3, 1), [60], "three good seconds are no reason to hurry");
        assert_eq!(waits(61, 2), [1, 1], "a minute and more is");
    }
}
