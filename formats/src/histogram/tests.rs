//! Histograms against the values that they stand for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{BUCKETS, Histogram, HistogramError, bounds, bucket, buckets};
use proptest::prelude::*;

fn histogram_of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.add(*value));
    histogram
}

fn cell(histogram: &Histogram) -> Vec<u8> {
    let mut cell = Vec::new();
    histogram.encode(&mut cell);
    cell
}

/// Values of every magnitude.
fn values(most: usize) -> impl Strategy<Value = Vec<u64>> {
    let value = (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift);
    prop::collection::vec(prop_oneof![value, 0..40u64, Just(u64::MAX)], 0..most)
}

#[test]
fn buckets_follow_each_other_without_hole_or_overlap_over_all_numbers() {
    let mut next = Some(0);
    for index in 0..BUCKETS {
        let (lowest, highest) = bounds(index).into_inner();
        assert_eq!(Some(lowest), next, "bucket {index} begins behind the one before");
        assert!(highest >= lowest && highest - lowest <= lowest / 8, "bucket {index} is narrow");
        assert_eq!((bucket(lowest), bucket(highest)), (index, index));
        next = highest.checked_add(1);
    }
    assert_eq!(next, None, "the last bucket ends with the largest number");
    assert_eq!(bounds(BUCKETS), bounds(BUCKETS - 1));
}

#[test]
fn buckets_are_those_that_are_written_down() {
    for (value, index) in
        [(0, 0), (7, 7), (8, 8), (15, 15), (16, 16), (17, 16), (18, 17), (31, 23), (32, 24)]
    {
        assert_eq!(bucket(value), index, "{value}");
    }
    assert_eq!(bounds(16), 16..=17);
    assert_eq!(bounds(495), 15 << 60..=u64::MAX);
}

#[test]
fn a_cell_is_what_is_written_down() {
    assert_eq!(cell(&histogram_of(&[])), []);
    assert_eq!(cell(&histogram_of(&[0])), [1, 1]);
    // Buckets 2, 3 and 495: distances 3, 1 and 492.
    assert_eq!(cell(&histogram_of(&[2, 3, 3, u64::MAX])), [3, 1, 1, 2, 0xec, 3, 1]);
}

#[test]
fn each_way_to_be_malformed_has_its_error_and_adds_nothing() {
    let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let count = |last: u8| [&[1][..], &max, &[last]].concat();
    for (bytes, error) in [
        (vec![1, 1, 1], HistogramError::CutShort),
        (vec![1, 1, 0x80], HistogramError::CutShort),
        (count(2), HistogramError::TooLarge),
        (count(0x81), HistogramError::TooLarge),
        (vec![1, 1, 0, 1], HistogramError::Bucket),
        (vec![0xf1, 3, 1], HistogramError::Bucket),
        (vec![0xf0, 3, 1, 1, 1], HistogramError::Bucket),
        (vec![1, 1, 1, 0], HistogramError::Empty),
    ] {
        let mut histogram = histogram_of(&[5]);
        assert_eq!(histogram.merge_cell(&bytes), Err(error), "{bytes:?}");
        assert_eq!(histogram, histogram_of(&[5]), "{bytes:?}");
    }
    let mut histogram = Histogram::new();
    histogram.merge_cell(&count(1)).unwrap();
    histogram.merge_cell(&count(1)).unwrap();
    histogram.add(1);
    assert_eq!(histogram.count(), u64::MAX, "counts stay at the largest number");
    assert_eq!(histogram.percentile(100.0), Some(0.0));
}

#[test]
fn without_values_there_is_nothing_to_tell() {
    let mut histogram = histogram_of(&[1, 1000]);
    histogram.clear();
    assert_eq!((histogram.count(), histogram.min(), histogram.max()), (0, None, None));
    assert_eq!((histogram.mean(), histogram.percentile(50.0)), (None, None));
    histogram.add(9);
    assert_eq!(histogram, histogram_of(&[9]), "nothing is left of what was cleared");
    assert_eq!((histogram.min(), histogram.max()), (Some(9), Some(9)));
}

proptest! {
    #[test]
    fn percentiles_are_within_an_eighth_of_the_values_and_between_the_extremes(
        values in values(300), percent in prop_oneof![0.0..100.0f64, Just(100.0)],
    ) {
        let histogram = histogram_of(&values);
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
        match (sorted.get(rank - 1), histogram.percentile(percent)) {
            (Some(truth), Some(told)) => {
                let off = (told - *truth as f64).abs();
                prop_assert!(off <= *truth as f64 / 8.0, "p{percent} is {truth}, told {told}");
                let (min, max) = (histogram.min().unwrap(), histogram.max().unwrap());
                prop_assert!(min as f64 <= told && told <= max as f64);
                prop_assert!(min <= sorted[0] && sorted[0] - min <= sorted[0] / 8);
                let largest = sorted[sorted.len() - 1];
                prop_assert!(largest <= max && max - largest <= largest / 8);
            }
            (truth, told) => prop_assert!(truth.is_none() && told.is_none()),
        }
        prop_assert_eq!(histogram.count(), values.len() as u64);
        let sum: f64 = values.iter().map(|value| *value as f64).sum();
        prop_assert!((histogram.sum() - sum).abs() <= sum / 8.0);
    }

    #[test]
    fn cells_that_are_merged_are_the_histogram_of_all_values(
        parts in prop::collection::vec(values(60), 0..6),
    ) {
        let (mut of_cells, mut of_histograms) = (Histogram::new(), Histogram::new());
        for part in &parts {
            of_cells.merge_cell(&cell(&histogram_of(part))).unwrap();
            of_histograms.merge(&histogram_of(part));
        }
        let all = histogram_of(&parts.concat());
        prop_assert_eq!(&of_cells, &all);
        prop_assert_eq!(&of_histograms, &all);
        prop_assert_eq!(of_cells.count(), all.count());
    }

    #[test]
    fn a_cell_comes_back_as_it_was(
        counts in prop::collection::btree_map(0..BUCKETS, 1..=u64::MAX, 0..BUCKETS),
    ) {
        let mut histogram = Histogram::new();
        counts.iter().for_each(|(index, count)| histogram.add_bucket(*index, *count));
        let cell = cell(&histogram);
        let read: Result<Vec<_>, _> = buckets(&cell).collect();
        prop_assert_eq!(read.unwrap(), counts.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bytes_are_a_histogram_or_an_error(
        bytes in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..60),
    ) {
        let mut histogram = Histogram::new();
        let merged = histogram.merge_cell(&bytes);
        prop_assert_eq!(merged.is_ok(), buckets(&bytes).all(|bucket| bucket.is_ok()));
        match merged {
            Ok(()) => prop_assert_eq!(histogram.is_empty(), bytes.is_empty()),
            Err(_) => prop_assert!(histogram.is_empty()),
        }
    }
}
