//! Whether the value of one instance is as a rule wants it, and since when: the arithmetic of
//! triggers, without anything around it.

use super::rule::{Rule, Side};
use nodemon_formats::ColumnType;
use nodemon_formats::growth;
use nodemon_formats::narrow::duration_ns;

/// How far back the mean looks from which `rise` counts. What holds is no part of it, unless it goes on
/// for so much longer than it must: then that is how it is now.
const MEAN_OVER_S: f64 = 120.0;
const MEAN_OVER_NS: u64 = 120_000_000_000;
/// Between samples further apart than so many intervals, and than [`NEAR_NS`], nothing holds on.
const NEAR_INTERVALS: u64 = 3;
const NEAR_NS: u64 = 3_000_000_000;
const SECOND_NS: f64 = 1e9;

/// What a rule wants of a value.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    side: Side,
    threshold: f64,
    rise: Option<f64>,
    holds_ns: u64,
    near_ns: u64,
}

/// What is known of one instance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    /// The time of the sample in which it was last, ns.
    last_ns: u64,
    /// The word that a counter had then.
    word: Option<u64>,
    /// The mean of the last minutes, and over how much time, s.
    mean: f64,
    known_s: f64,
    /// Since when the value is as it should be.
    since_ns: Option<u64>,
}

/// A value that is as a rule wants it, for as long as it wants that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// The value.
    pub value: f64,
    /// Since when, `CLOCK_BOOTTIME` ns.
    pub since_ns: u64,
}

impl Condition {
    /// That of `rule`, for a table that is sampled every `interval_ns`, with a threshold that is
    /// `times` as large as the rule says.
    pub fn new(rule: &Rule, interval_ns: u64, times: f64) -> Condition {
        Condition {
            side: rule.side,
            threshold: rule.threshold * times,
            rise: rule.rise.map(|rise| rise * times),
            holds_ns: duration_ns(rule.holds),
            near_ns: interval_ns.saturating_mul(NEAR_INTERVALS).max(NEAR_NS),
        }
    }

    /// The threshold.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Whether a value is on the right side of the threshold, however it was before.
    pub fn is_beyond(&self, value: f64) -> bool {
        match self.side {
            Side::Above => value > self.threshold,
            Side::Below => value < self.threshold,
        }
    }

    /// Whether `value` says more than `other`.
    pub fn is_worse(&self, value: f64, other: f64) -> bool {
        match self.side {
            Side::Above => value > other,
            Side::Below => value < other,
        }
    }
}

impl Track {
    /// The rate of a counter of type `kind` whose word is `word` in the sample at `now_ns`, a second;
    /// `None` where it was not in the sample before, at `before_ns`, unless it `began` since then, or
    /// nobody knows by how much it has grown.
    pub fn rate(
        &mut self,
        kind: ColumnType,
        word: Option<u64>,
        before_ns: Option<u64>,
        now_ns: u64,
        began: bool,
    ) -> Option<f64> {
        let earlier = std::mem::replace(&mut self.word, word);
        let before_ns = before_ns.filter(|before_ns| now_ns > *before_ns)?;
        let grown = match began {
            true => growth::from_zero(kind, word?)?,
            false if before_ns != self.last_ns => return None,
            false => growth::between(kind, earlier?, word?)?,
        };
        let grown = match kind {
            ColumnType::F64 => f64::from_bits(grown),
            _ => grown as f64,
        };
        Some(grown * SECOND_NS / (now_ns - before_ns) as f64)
    }

    /// Takes the value of the sample at `now_ns`, which holds from `from_ns` on; the sample before it
    /// was at `before_ns`. What is no number holds nothing, and neither does what was missing in the
    /// sample before.
    pub fn observe(
        &mut self,
        condition: &Condition,
        value: Option<f64>,
        before_ns: Option<u64>,
        (from_ns, now_ns): (u64, u64),
    ) -> Option<Breach> {
        let was_in = before_ns == Some(self.last_ns) && now_ns > self.last_ns;
        let passed_ns = now_ns.saturating_sub(self.last_ns);
        if !was_in || passed_ns > condition.near_ns {
            self.since_ns = None;
        }
        self.last_ns = now_ns;
        let Some(value) = value.filter(|value| value.is_finite()) else {
            self.since_ns = None;
            return None;
        };
        let has_risen =
            condition.rise.is_none_or(|rise| self.known_s > 0.0 && value >= self.mean + rise);
        let holds = condition.is_beyond(value) && has_risen;
        let since_ns = *self.since_ns.get_or_insert(from_ns.min(now_ns));
        if !holds {
            self.since_ns = None;
        }
        let held_ns = now_ns - since_ns;
        let is_usual = held_ns > condition.holds_ns.saturating_add(MEAN_OVER_NS);
        if condition.rise.is_some() && (!holds || is_usual) {
            self.learn(value, if was_in { passed_ns as f64 / SECOND_NS } else { 1.0 });
        }
        (holds && held_ns >= condition.holds_ns).then_some(Breach { value, since_ns })
    }

    /// The mean at first is that of all that there was, and later of the last minutes.
    fn learn(&mut self, value: f64, passed_s: f64) {
        let passed_s = passed_s.clamp(0.001, MEAN_OVER_S);
        let all_s = (self.known_s + passed_s).min(MEAN_OVER_S);
        self.mean += (value - self.mean) * (passed_s / all_s);
        self.known_s = all_s;
        if !self.mean.is_finite() {
            (self.mean, self.known_s) = (0.0, 0.0);
        }
    }
}

#[cfg(test)]
mod tests;
