//! What came since the sample before, of counts that only grow.

use nodemon_formats::histogram::Histogram;
use nodemon_formats::narrow::count32;
use std::collections::BTreeMap;

/// The histograms of one table, by their keys.
pub struct Histograms {
    series: BTreeMap<Box<[u8]>, Series>,
}

#[derive(Default)]
struct Series {
    /// How often each bucket had been hit at the sample before.
    before: Vec<u64>,
    /// What came since.
    since: Histogram,
    /// Samples to which nothing came.
    idle: u32,
}

/// Samples without anything, after which a key may make room for others.
const IDLE_SAMPLES: u32 = 60;

impl Histograms {
    /// Those of a table. One without keys has a row whether anything came or not.
    pub fn new(has_keys: bool) -> Histograms {
        let mut series = BTreeMap::new();
        if !has_keys {
            series.insert(Box::default(), Series::default());
        }
        Histograms { series }
    }

    /// Takes how often a bucket has been hit by now.
    pub fn take(&mut self, keys: &[u8], bucket: u32, count: u64) {
        let bucket = bucket as usize;
        if !self.series.contains_key(keys) {
            self.series.insert(keys.into(), Series::default());
        }
        let Some(series) = self.series.get_mut(keys) else { return };
        if series.before.len() <= bucket {
            series.before.resize(bucket + 1, 0);
        }
        let more = count.saturating_sub(series.before[bucket]);
        series.before[bucket] = count;
        if more > 0 {
            series.since.add_bucket(bucket, more);
        }
    }

    /// Hands out every histogram to which something came, and begins anew.
    pub fn each(&mut self, mut one: impl FnMut(&[u8], &Histogram)) {
        for (keys, series) in &mut self.series {
            series.idle = series.idle.saturating_add(1);
            if !series.since.is_empty() || keys.is_empty() {
                one(keys, &series.since);
                series.since.clear();
                series.idle = 0;
            }
        }
    }

    /// Forgets the keys to which nothing has come for long. `take` takes a bucket out of the map, where
    /// counts that come later begin at 0, and says how often it was hit by then: what came since it
    /// was read is in the next sample. A bucket that cannot be taken out is still known.
    pub fn forget_idle(&mut self, mut take: impl FnMut(&[u8], u32) -> Option<u64>) {
        self.series.retain(|keys, series| {
            if series.idle < IDLE_SAMPLES {
                return true;
            }
            let mut is_left = false;
            for (number, before) in series.before.iter_mut().enumerate() {
                if *before == 0 {
                    continue;
                }
                let Some(count) = take(keys, count32(number)) else {
                    is_left = true;
                    continue;
                };
                let more = count.saturating_sub(*before);
                if more > 0 {
                    series.since.add_bucket(number, more);
                    is_left = true;
                }
                *before = 0;
            }
            is_left
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Histograms;

    #[test]
    fn each_sample_has_what_came_since_the_one_before_and_keys_without_anything_have_no_row() {
        let mut histograms = Histograms::new(true);
        let mut sample = |counts: &[(u8, u32, u64)]| {
            for (key, bucket, count) in counts {
                histograms.take(&[*key], *bucket, *count);
            }
            let mut rows = Vec::new();
            histograms.each(|keys, histogram| rows.push((keys[0], histogram.count())));
            rows
        };
        assert_eq!(sample(&[(1, 8, 3), (2, 100, 1)]), [(1, 3), (2, 1)]);
        assert_eq!(sample(&[(1, 8, 4), (1, 9, 2), (2, 100, 1)]), [(1, 3)]);
        assert_eq!(sample(&[(1, 8, 4), (1, 9, 2), (2, 100, 1)]), []);

        for _ in 0..60 {
            assert_eq!(sample(&[(1, 8, 4), (1, 9, 2), (2, 100, 1)]), []);
        }
        assert_eq!(sample(&[(1, 8, 4), (1, 9, 3), (2, 100, 1)]), [(1, 1)]);
        let mut gone = Vec::new();
        histograms.forget_idle(|keys, bucket| {
            gone.push((keys[0], bucket));
            Some(1)
        });
        assert_eq!(gone, [(2, 100)], "only what is idle is forgotten");
        let mut rows = Vec::new();
        histograms.take(&[2], 100, 1);
        histograms.each(|keys, histogram| rows.push((keys[0], histogram.count())));
        assert_eq!(rows, [(2, 1)], "what comes back begins anew");

        // Hit once more after it was read, and then one that cannot be taken out.
        for _ in 0..60 {
            histograms.each(|_, _| ());
        }
        histograms.forget_idle(|keys, _| (keys[0] == 2).then_some(3));
        let mut rows = Vec::new();
        histograms.each(|keys, histogram| rows.push((keys[0], histogram.count())));
        assert_eq!(rows, [(2, 2)], "what came between the read and the end is not lost");
        histograms.take(&[1], 8, 5);
        histograms.take(&[2], 100, 1);
        let mut rows = Vec::new();
        histograms.each(|keys, histogram| rows.push((keys[0], histogram.count())));
        assert_eq!(rows, [(1, 1), (2, 1)], "what stays goes on, what was taken out begins at 0");

        let mut rows = 0;
        Histograms::new(false).each(|_, histogram| rows += 1 + histogram.count());
        assert_eq!(rows, 1, "a table without keys has its row");
    }
}
