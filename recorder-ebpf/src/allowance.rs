//! How much CPU time something may take that others can make take much: a share of the time that
//! passes. Not of the time that it waits for a CPU: then a busy machine would leave none for it.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What it may take at once, after a while in which it took nothing, ns.
const MOST_NS: i64 = 1_000_000_000;

/// The time that is left for it.
pub struct Allowance {
    share: i64,
    /// Below 0 it has taken more than it may, and waits until that has become its share.
    left_ns: i64,
    at_ns: i64,
}

impl Allowance {
    /// One part in `share` of the time that passes, and a second to begin with.
    pub fn new(share: u32) -> Allowance {
        Allowance { share: share.into(), left_ns: MOST_NS, at_ns: now_ns(ClockId::Monotonic) }
    }

    /// The same with no more than `most` to begin with.
    pub fn with_at_most(self, most: Duration) -> Allowance {
        let most_ns = i64::try_from(most.as_nanos()).unwrap_or(i64::MAX);
        Allowance { left_ns: self.left_ns.min(most_ns), ..self }
    }

    /// Begins, if there is time left. [`Allowance::end`] takes what is handed out, on this thread.
    pub fn begin(&mut self) -> Option<Begun> {
        self.pass(now_ns(ClockId::Monotonic));
        (self.left_ns > 0).then(|| Begun(now_ns(ClockId::ThreadCPUTime)))
    }

    /// Ends what began then, and had others take so much CPU time for it besides.
    pub fn end(&mut self, begun: Begun, of_others: Duration) {
        let took_ns = now_ns(ClockId::ThreadCPUTime) - begun.0;
        let of_others_ns = i64::try_from(of_others.as_nanos()).unwrap_or(i64::MAX);
        self.left_ns = self.left_ns.saturating_sub(took_ns.max(0)).saturating_sub(of_others_ns);
    }

    fn pass(&mut self, now_ns: i64) {
        let earned_ns = (now_ns - self.at_ns) / self.share;
        // What is less than a nanosecond of its share is kept for the next time.
        self.at_ns += earned_ns * self.share;
        self.left_ns = (self.left_ns + earned_ns).min(MOST_NS);
    }
}

/// CPU time of a thread when something began on it.
#[derive(Debug, Clone, Copy)]
pub struct Begun(i64);

fn now_ns(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    Duration::try_from(now).map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Allowance, ClockId, MOST_NS, now_ns};
    use std::time::Duration;

    /// Takes so much CPU time.
    fn work(took_ns: i64) {
        let until = now_ns(ClockId::ThreadCPUTime) + took_ns;
        while now_ns(ClockId::ThreadCPUTime) < until {}
    }

    #[test]
    fn what_took_more_than_its_share_waits_until_that_much_has_passed() {
        const SHARE: u32 = 50;
        let mut allowance = Allowance::new(SHARE);
        allowance.left_ns = 1;
        let begun = allowance.begin().unwrap();
        work(30_000_000);
        allowance.end(begun, Duration::ZERO);
        assert!(allowance.left_ns < -25_000_000, "{} ns are left", allowance.left_ns);
        let owed_ns = -allowance.left_ns;
        let at_ns = allowance.at_ns;
        allowance.pass(at_ns + (owed_ns - 1_000) * i64::from(SHARE));
        assert!(allowance.left_ns <= 0, "it may begin after {owed_ns} ns of its share only");
        allowance.pass(at_ns + (owed_ns + 1_000) * i64::from(SHARE));
        assert!(allowance.left_ns > 0, "it may begin then");
    }

    #[test]
    fn what_begins_and_ends_often_has_no_more_than_its_share() {
        let mut allowance = Allowance::new(10);
        (allowance.left_ns, allowance.at_ns) = (0, 0);
        for ns in 0..100_000 {
            allowance.pass(7 * ns);
        }
        assert_eq!(allowance.left_ns, 699_993 / 10);
        allowance.pass(i64::MAX / 2);
        assert_eq!(allowance.left_ns, MOST_NS, "what it did not take is not kept for ever");
    }

    #[test]
    fn to_wait_takes_nothing_of_it() {
        let mut allowance = Allowance::new(1000);
        let begun = allowance.begin().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        allowance.end(begun, Duration::ZERO);
        assert!(MOST_NS - allowance.left_ns < 40_000_000, "{} ns are left", allowance.left_ns);
    }
}
