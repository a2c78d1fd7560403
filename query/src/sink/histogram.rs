//! Histograms as text.

use super::table::alone;
use nodemon_formats::Histogram;
use nodemon_formats::histogram::{bounds, buckets};
use std::fmt::Write as _;
use std::io::Write as _;

/// For programs, all of the histogram in `cell`: for each bucket that has values the smallest that it
/// takes, and how many, as in `4096:12 5120:3`.
pub fn pairs(cell: &[u8], out: &mut Vec<u8>) {
    let mut space = "";
    for (index, count) in buckets(cell).flatten() {
        // Writing to memory cannot fail.
        let _ = write!(out, "{space}{}:{count}", bounds(index).start());
        space = " ";
    }
}

/// For people: `n=120 p50=5.12ms p99=40.9ms max=41.9ms`.
pub fn short(cell: &[u8], unit: &str, text: &mut String) {
    let mut histogram = Histogram::new();
    // What is malformed is left out where blocks are decoded, and reported there.
    let _ = histogram.merge_cell(cell);
    // Writing to a string cannot fail.
    let _ = write!(text, "n={}", histogram.count());
    let max = histogram.max().map(|max| max as f64);
    let figures = [("p50", histogram.percentile(50.0)), ("p99", histogram.percentile(99.0))];
    for (name, value) in figures.into_iter().chain([("max", max)]) {
        if let Some(value) = value {
            let _ = write!(text, " {name}={}", alone(unit, value));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{pairs, short};
    use nodemon_formats::Histogram;
    use nodemon_formats::schema::unit;

    #[test]
    fn a_histogram_is_pairs_for_programs_and_figures_for_people() {
        let text = |values: &[(u64, u64)], unit: Option<&str>| {
            let mut histogram = Histogram::new();
            for (value, count) in values {
                (0..*count).for_each(|_| histogram.add(*value));
            }
            let (mut cell, mut text, mut bytes) = (Vec::new(), String::new(), Vec::new());
            histogram.encode(&mut cell);
            match unit {
                Some(unit) => short(&cell, unit, &mut text),
                None => pairs(&cell, &mut bytes),
            }
            text + std::str::from_utf8(&bytes).unwrap()
        };
        assert_eq!(text(&[(4099, 12), (5121, 3), (u64::MAX, 1)], None), {
            "4096:12 5120:3 17293822569102704640:1"
        });
        let latencies = [(5_100_000, 110), (40_000_000, 10)];
        assert_eq!(text(&latencies, Some(unit::NS)), "n=120 p50=4.98ms p99=39.8ms max=41.9ms");
        assert_eq!(text(&[(4096, 2)], Some(unit::BYTES)), "n=2 p50=4.25KiB p99=4.25KiB max=4.5KiB");
        assert_eq!(text(&[(5, 1)], Some(unit::COUNT)), "n=1 p50=5 p99=5 max=5");
        assert_eq!((text(&[], None).as_str(), text(&[], Some(unit::NS)).as_str()), ("", "n=0"));
    }
}
