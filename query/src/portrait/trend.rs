//! Whether a level grows steadily: a straight line explains most of how it changes.

/// So many values make a trend at least, over so long.
const LEAST_VALUES: u64 = 10;
const LEAST_NS: f64 = 30e9;
/// The line explains so much of the variance at least.
const STEADY: f64 = 0.9;
/// What grows by less than this over all of it, and by less than this share of its mean, stays.
const LEAST_GROWTH: f64 = 1_048_576.0;
const LEAST_SHARE: f64 = 0.02;
const HOUR_NS: f64 = 3_600e9;

/// The sums that a line needs.
#[derive(Debug, Default)]
pub struct Trend {
    first: Option<i64>,
    last: i64,
    count: u64,
    mean_time: f64,
    mean_value: f64,
    time_time: f64,
    time_value: f64,
    value_value: f64,
}

impl Trend {
    /// A value at a wall time; times ascend.
    pub fn add(&mut self, time: i64, value: f64) {
        let first = *self.first.get_or_insert(time);
        self.last = time;
        self.count += 1;
        let time = time.saturating_sub(first) as f64;
        let (by_time, by_value) = (time - self.mean_time, value - self.mean_value);
        self.mean_time += by_time / self.count as f64;
        self.mean_value += by_value / self.count as f64;
        self.time_time += by_time * (time - self.mean_time);
        self.time_value += by_time * (value - self.mean_value);
        self.value_value += by_value * (value - self.mean_value);
    }

    /// How much it grows an hour, if it does so steadily.
    pub fn steady_per_hour(&self) -> Option<f64> {
        let lasted = self.last.saturating_sub(self.first?) as f64;
        if self.count < LEAST_VALUES || lasted < LEAST_NS || self.value_value <= 0.0 {
            return None;
        }
        let slope = self.time_value / self.time_time;
        let explained = slope * self.time_value / self.value_value;
        let grown = slope * lasted;
        let is_worth_it = grown >= LEAST_GROWTH && grown >= LEAST_SHARE * self.mean_value;
        (is_worth_it && explained >= STEADY).then_some(slope * HOUR_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::Trend;

    fn of(values: impl Iterator<Item = f64>) -> Option<f64> {
        let mut trend = Trend::default();
        (0i64..).zip(values).for_each(|(second, value)| trend.add(second * 1_000_000_000, value));
        trend.steady_per_hour()
    }

    #[test]
    fn what_grows_steadily_is_told_and_what_jumps_shrinks_or_stays_is_not() {
        let mib = 1_048_576.0;
        let growth = of((0..120).map(|second| f64::from(second) * mib)).unwrap_or_default();
        assert!((growth - 3600.0 * mib).abs() < 1.0, "{growth}");
        assert_eq!(of((0..120).map(|_| mib)), None);
        assert_eq!(of((0..120).map(|second| f64::from(200 - second) * mib)), None);
        assert_eq!(of((0..120).map(|second| if second < 3 { 0.0 } else { 99.0 * mib })), None);
        assert_eq!(of((0..30).map(|second| f64::from(second) * mib)), None, "too short");
    }
}
