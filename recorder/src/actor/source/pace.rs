//! Whether a source keeps its cadence, so that somebody who asked for too much is told.

use std::time::Duration;

/// How long ticks are watched before a verdict.
const WATCHED: Duration = Duration::from_secs(10);

/// The pace of one source.
#[derive(Debug, Default)]
pub struct Pace {
    ticks: u64,
    missed: u64,
    is_told: bool,
}

impl Pace {
    /// Counts a tick before which `missed` others had passed. True when the source has begun to
    /// miss more than half of its ticks; then not again until it has kept up for a while.
    pub fn has_fallen_behind(&mut self, missed: u64, interval: Duration) -> bool {
        self.ticks += 1 + missed;
        self.missed += missed;
        if interval.saturating_mul(self.ticks.try_into().unwrap_or(u32::MAX)) < WATCHED {
            return false;
        }
        let is_behind = self.missed * 2 > self.ticks;
        let is_news = is_behind && !self.is_told;
        *self = Pace { is_told: is_behind, ..Pace::default() };
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    const INTERVAL: Duration = Duration::from_millis(10);

    /// How often it is said over a minute in which `missed` ticks pass before each one.
    fn told(pace: &mut Pace, missed: u64) -> usize {
        let ticks = 6000 / (1 + missed);
        (0..ticks).filter(|_| pace.has_fallen_behind(missed, INTERVAL)).count()
    }

    #[test]
    fn who_misses_most_ticks_is_told_once_and_again_after_having_kept_up() {
        let mut pace = Pace::default();
        assert_eq!(told(&mut pace, 0), 0);
        assert_eq!(told(&mut pace, 1), 0, "every other tick is missed, not more");
        assert_eq!(told(&mut pace, 3), 1);
        assert_eq!(told(&mut pace, 3), 0, "it has been said");
        assert_eq!(told(&mut pace, 0), 0);
        assert_eq!(told(&mut pace, 9), 1);
    }
}
