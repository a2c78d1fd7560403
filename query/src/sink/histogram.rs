//! Histograms as text for programs.

use nodemon_formats::histogram::{bounds, buckets};
use std::io::Write;

/// All of the histogram in `cell`: for each bucket that has values the smallest that it takes, and
/// how many, as in `4096:12 5120:3`.
pub fn pairs(cell: &[u8], out: &mut Vec<u8>) {
    let mut space = "";
    for (index, count) in buckets(cell).flatten() {
        // Writing to memory cannot fail.
        let _ = write!(out, "{space}{}:{count}", bounds(index).start());
        space = " ";
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::pairs;
    use nodemon_formats::Histogram;

    #[test]
    fn each_bucket_that_has_values_is_its_lower_end_and_how_many() {
        let mut histogram = Histogram::new();
        for (value, count) in [(4099, 12), (5121, 3), (u64::MAX, 1)] {
            (0..count).for_each(|_| histogram.add(value));
        }
        let (mut cell, mut text) = (Vec::new(), Vec::new());
        histogram.encode(&mut cell);
        pairs(&cell, &mut text);
        assert_eq!(text, b"4096:12 5120:3 17293822569102704640:1");
        text.clear();
        pairs(&[], &mut text);
        assert_eq!(text, b"", "one without values");
    }
}
