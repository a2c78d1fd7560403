//! What comes of a rule that held.

use super::rule::{Rule, Side};
use nodemon_formats::schema::unit;
use nodemon_formats::units::exact_duration;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A rule has fired, or goes on to hold.
#[derive(Clone, Debug)]
pub struct Firing {
    /// Which.
    pub rule: Arc<Rule>,
    /// Whether it has fired before, and the time for which rates are raised was made longer.
    pub is_extended: bool,
    /// The instance that decided: `cpu=3`; empty where there is only one.
    pub instance: String,
    /// Its value.
    pub value: f64,
    /// What it was to be above or below.
    pub threshold: f64,
    /// The unit of both.
    pub unit: String,
    /// When that was in hand, `CLOCK_BOOTTIME` ns.
    pub time_ns: u64,
    /// Since when it held.
    pub since_ns: u64,
    /// Until when rates are raised.
    pub until_ns: u64,
}

impl fmt::Display for Firing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Firing { rule, instance, value, threshold, unit, .. } = self;
        let verb = if self.is_extended { "holds on" } else { "fired" };
        write!(f, "trigger {} {verb}: ", rule.name)?;
        let instance = rule.without_filters(instance);
        match rule.is_any() {
            // One event is all that there is to say.
            true => f.write_str(rule.subject().trim_start_matches("rows of "))?,
            false => f.write_str(&rule.subject())?,
        }
        if !instance.is_empty() {
            write!(f, " of {instance}")?;
        }
        if !rule.is_any() {
            let (value, threshold) = (rounded(*value), rounded(*threshold));
            write!(f, " is {value}{}, {} {threshold}", shown_unit(unit), rule.side)?;
        }
        let held = Duration::from_nanos(self.time_ns.saturating_sub(self.since_ns));
        if !held.is_zero() {
            write!(f, ", for {}", rough(held))?;
        }
        if !rule.raises.is_empty() {
            let lasts = Duration::from_nanos(self.until_ns.saturating_sub(self.time_ns));
            let (sources, every) = (rule.raises.join(", "), exact_duration(rule.every));
            write!(f, "; {sources} every {every} for {}", rough(lasts))?;
        }
        Ok(())
    }
}

impl Rule {
    /// Whether any row will do: of events every one counts unless somebody says which.
    fn is_any(&self) -> bool {
        self.column.is_none() && self.side == Side::Above && self.threshold == 0.0
    }

    /// Of the keys of a row what the filters do not say.
    fn without_filters(&self, instance: &str) -> String {
        let mut rest = format!(" {instance} ");
        for (column, text) in &self.filters {
            rest = rest.replace(&format!(" {column}={text} "), " ");
        }
        rest.trim().to_owned()
    }

    /// What it looks at and what it does, in words; `unit` is that of the value.
    pub fn told(&self, unit: &str) -> String {
        let unit = shown_unit(unit);
        let mut told = match self.is_any() {
            true => format!("any {}", self.subject()),
            false => {
                let (subject, threshold) = (self.subject(), rounded(self.threshold));
                format!("{subject} {} {threshold}{unit}", self.side)
            }
        };
        if self.per_cpu {
            told.push_str(" per CPU");
        }
        if let Some(rise) = self.rise {
            told.push_str(&format!(", {}{unit} more than before", rounded(rise)));
        }
        if !self.holds.is_zero() {
            told.push_str(&format!(", for {}", exact_duration(self.holds)));
        }
        if !self.raises.is_empty() {
            let (every, lasts) = (exact_duration(self.every), exact_duration(self.lasts));
            told.push_str(&format!(" -> {} every {every} for {lasts}", self.raises.join(", ")));
        }
        told
    }
}

/// The unit behind a number, where one is shown.
fn shown_unit(unit: &str) -> String {
    match unit {
        unit::PERCENT => " %".to_owned(),
        unit::COUNT | "rows" => String::new(),
        unit => format!(" {unit}"),
    }
}

/// To a tenth of a second: `6s`, `30.1s`.
fn rough(time: Duration) -> String {
    let tenths = time.as_millis().div_ceil(100);
    match tenths % 10 {
        0 => format!("{}s", tenths / 10),
        tenth => format!("{}.{tenth}s", tenths / 10),
    }
}

/// A number with a few digits.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::Firing;
    use crate::trigger::Rule;
    use std::sync::Arc;

    fn told(rule: Rule, instance: &str, value: f64, unit: &str) -> String {
        let rule = Rule { raises: Vec::new(), ..rule };
        let (is_extended, threshold) = (false, rule.threshold);
        let firing = Firing {
            rule: Arc::new(rule),
            is_extended,
            instance: instance.to_owned(),
            value,
            threshold,
            unit: unit.to_owned(),
            time_ns: 9_000_000_000,
            since_ns: 9_000_000_000,
            until_ns: 9_000_000_000,
        };
        firing.to_string()
    }

    #[test]
    fn what_fired_is_told_once_with_what_the_rule_does_not_say() {
        let filters = |filters: &[(&str, &str)]| {
            filters.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let mark = Rule { filters: filters(&[("name", "long")]), ..Rule::new("a", "mark", None) };
        assert_eq!(told(mark.clone(), "name=long", 1.0, "rows"), "trigger a fired: mark name=long");
        assert_eq!(
            told(mark, "name=longer uid=0", 1.0, "rows"),
            "trigger a fired: mark name=long of name=longer uid=0"
        );
        let rows = Rule { threshold: 5.0, ..Rule::new("b", "thread_active", None) };
        assert_eq!(
            told(rows, "", 12.0, "rows"),
            "trigger b fired: rows of thread_active is 12, above 5"
        );
        let busy = Rule { threshold: 50.0, ..Rule::new("c", "cpu", Some("busy_ns")) };
        assert_eq!(
            told(busy, "cpu=3", 93.456, "%"),
            "trigger c fired: cpu.busy_ns of cpu=3 is 93.46 %, above 50"
        );
    }
}
