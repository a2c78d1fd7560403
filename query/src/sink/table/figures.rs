//! Histograms in short.

use super::scale::alone;
use nodemon_formats::Histogram;
use std::fmt::Write;

/// The histogram in `cell`, of values in `unit`: `n=120 p50=5.12ms p99=40.9ms max=41.9ms`.
pub fn figures(cell: &[u8], unit: &str, text: &mut String) {
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
    use super::figures;
    use nodemon_formats::Histogram;
    use nodemon_formats::schema::unit;

    #[test]
    fn people_see_how_many_and_how_much_in_the_unit_of_the_column() {
        let text = |values: &[(u64, u64)], unit: &str| {
            let mut histogram = Histogram::new();
            for (value, count) in values {
                (0..*count).for_each(|_| histogram.add(*value));
            }
            let (mut cell, mut text) = (Vec::new(), String::new());
            histogram.encode(&mut cell);
            figures(&cell, unit, &mut text);
            text
        };
        let latencies = [(5_100_000, 110), (40_000_000, 10)];
        assert_eq!(text(&latencies, unit::NS), "n=120 p50=4.98ms p99=39.8ms max=41.9ms");
        assert_eq!(text(&[(4096, 2)], unit::BYTES), "n=2 p50=4.25KiB p99=4.25KiB max=4.5KiB");
        assert_eq!(text(&[(5, 1)], unit::COUNT), "n=1 p50=5 p99=5 max=5");
        assert_eq!(text(&[], unit::NS), "n=0");
    }
}
