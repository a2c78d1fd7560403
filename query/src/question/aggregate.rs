//! `--agg`: what becomes of the values of a step.

use nodemon_formats::{Column, ColumnType, Semantics};
use std::str::FromStr;

/// What becomes of the values of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean; of a rate the growth of the counter over the time.
    Avg,
    /// The sum; of a rate the growth of the counter.
    Sum,
    /// The first.
    First,
    /// The last.
    Last,
    /// How many there are.
    Count,
    /// The value that this many percent of the values do not exceed.
    Percentile(f64),
}

impl Aggregate {
    /// Its name, as it is typed and as columns carry it: `max`, `p99`, `p999`.
    pub fn name(self) -> String {
        match self {
            Aggregate::Min => "min".into(),
            Aggregate::Max => "max".into(),
            Aggregate::Avg => "avg".into(),
            Aggregate::Sum => "sum".into(),
            Aggregate::First => "first".into(),
            Aggregate::Last => "last".into(),
            Aggregate::Count => "count".into(),
            Aggregate::Percentile(percent) => format!("p{percent}").replace('.', ""),
        }
    }

    /// Whether it can be told from [`nodemon_formats::reader::ColumnRollup`]s, of blocks and of
    /// tiers: of `Some` column's values as they are, of `None` for the rates of a counter. Of
    /// histograms tiers have the sum, and a block that has some is read although rollups would do.
    pub fn is_in_rollups(self, values_of: Option<&Column>) -> bool {
        match (self, values_of) {
            (_, Some(column)) if column.kind == ColumnType::Histogram => self.fits_histograms(),
            (Aggregate::Count, _) | (Aggregate::Last, Some(_)) => true,
            (Aggregate::Avg | Aggregate::Sum, None) => true,
            // Of counters and states tiers keep the last value only.
            (Aggregate::Min | Aggregate::Max | Aggregate::Avg | Aggregate::Sum, Some(column)) => {
                column.semantics == Semantics::Gauge
            }
            _ => false,
        }
    }

    /// Whether it makes sense for names, flags and identities.
    pub fn fits_states(self) -> bool {
        matches!(self, Aggregate::First | Aggregate::Last | Aggregate::Count)
    }

    /// Whether it makes sense for histograms, which do not know what came first.
    pub fn fits_histograms(self) -> bool {
        !matches!(self, Aggregate::First | Aggregate::Last)
    }
}

impl FromStr for Aggregate {
    type Err = String;

    fn from_str(text: &str) -> Result<Aggregate, String> {
        Ok(match text.trim() {
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "avg" | "mean" => Aggregate::Avg,
            "sum" => Aggregate::Sum,
            "first" => Aggregate::First,
            "last" => Aggregate::Last,
            "count" => Aggregate::Count,
            other => percentile(other).ok_or(
                "an aggregate is min, max, avg, sum, first, last, count, or a percentile such as \
                 p50, p99, p99.9 or p999",
            )?,
        })
    }
}

/// `p99`, `p99.9`, and in the way of engineers `p999` for the latter.
fn percentile(text: &str) -> Option<Aggregate> {
    let digits = text.strip_prefix('p')?;
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let percent: f64 = match digits.len() {
        3.. if digits != "100" && !digits.contains('.') => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse().ok()?
        }
        _ => digits.parse().ok()?,
    };
    (percent <= 100.0).then_some(Aggregate::Percentile(percent))
}

#[cfg(test)]
mod tests {
    use super::Aggregate;

    #[test]
    fn percentiles_are_read_in_both_ways_that_people_write_them() {
        for (text, percent) in
            [("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("p999", 99.9), ("p9999", 99.99)]
        {
            assert_eq!(text.parse(), Ok(Aggregate::Percentile(percent)), "{text}");
        }
        assert_eq!(Aggregate::Percentile(99.9).name(), "p999");
        assert_eq!("p100".parse(), Ok(Aggregate::Percentile(100.0)));
        for text in ["", "p", "pp", "p101.5", "median", "p-1", "pé9"] {
            assert!(text.parse::<Aggregate>().is_err(), "{text:?} is no aggregate");
        }
    }

    #[test]
    fn names_read_back_as_what_they_name() {
        for aggregate in ["min", "max", "avg", "sum", "first", "last", "count", "p5", "p999"] {
            let parsed: Result<Aggregate, _> = aggregate.parse();
            assert_eq!(parsed.map(Aggregate::name).as_deref(), Ok(aggregate));
        }
    }
}
