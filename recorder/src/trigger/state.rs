//! When a rule has fired, and what it comes to that it holds.

use super::rule::{MOST_RAISED, Rule};
use nodemon_formats::narrow::duration_ns;

/// When a rule has fired.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    fired_ns: Option<u64>,
    /// Until when rates are raised, `CLOCK_BOOTTIME` ns.
    pub until_ns: u64,
}

/// What a rule that holds comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It fires.
    Fires,
    /// It has fired, and what it raises is raised for longer.
    Extends,
    /// Nothing.
    Nothing,
}

impl State {
    /// The rule holds at `now_ns`: once fired it does not fire again before its cooldown is over, and
    /// what it raises is raised for longer, but never beyond [`MOST_RAISED`] a firing.
    pub fn holds(&mut self, rule: &Rule, interval_ns: u64, now_ns: u64) -> Outcome {
        let lasts_ns = duration_ns(rule.lasts.min(MOST_RAISED));
        let until_ns = now_ns.saturating_add(lasts_ns);
        let Some(fired_ns) = self.fired_ns else {
            *self = State { fired_ns: Some(now_ns), until_ns };
            return Outcome::Fires;
        };
        let is_cool = now_ns >= fired_ns.saturating_add(duration_ns(rule.cooldown));
        if now_ns < self.until_ns && !is_cool {
            let most_ns = fired_ns.saturating_add(duration_ns(MOST_RAISED));
            let until_ns = until_ns.min(most_ns);
            let is_ending = self.until_ns - now_ns <= interval_ns.max(lasts_ns / 2);
            if !is_ending || until_ns <= self.until_ns || rule.raises.is_empty() {
                return Outcome::Nothing;
            }
            self.until_ns = until_ns;
            return Outcome::Extends;
        }
        if !is_cool {
            return Outcome::Nothing;
        }
        *self = State { fired_ns: Some(now_ns), until_ns };
        Outcome::Fires
    }
}
