//! Arrays that are mapped, in which every CPU has a stretch of its own.

use crate::error::FeatureError;
use crate::feature::HISTOGRAM_SLOTS;
use crate::mapped::MappedWords;
use aya::maps::MapData;
use std::sync::atomic::Ordering;

/// Counters whose key is a small number.
pub struct DenseCounters {
    array: MappedWords,
    /// Elements of a CPU, and words of an element.
    stretch: usize,
    words: usize,
    sums: Vec<u64>,
    row: Vec<u8>,
}

/// Histograms whose key is a small number.
pub struct DenseHistogram {
    array: MappedWords,
    keys: usize,
    sums: Vec<u64>,
}

fn map(map: MapData, words: usize) -> Result<MappedWords, FeatureError> {
    MappedWords::new(map, words)
        .map_err(|source| FeatureError::Load(format!("cannot map an array: {source}")))
}

impl DenseCounters {
    /// Reads `array`, in which each of so many CPUs has `stretch` elements of `words` words.
    pub fn new(
        array: MapData,
        cpus: u32,
        stretch: u32,
        words: usize,
    ) -> Result<DenseCounters, FeatureError> {
        let stretch = stretch as usize;
        let all = cpus as usize * stretch * words;
        Ok(DenseCounters {
            array: map(array, all)?,
            stretch,
            words,
            sums: vec![0; stretch * words],
            row: Vec::with_capacity(words * 8),
        })
    }

    /// Hands out the number (32 bits) and the sums of every element that was ever counted.
    pub fn each(&mut self, mut element: impl FnMut(&[u8], &[u8])) {
        sum(&self.array, &mut self.sums);
        for (number, sums) in (0u32..).zip(self.sums.chunks_exact(self.words).take(self.stretch)) {
            if sums.iter().all(|sum| *sum == 0) {
                continue;
            }
            self.row.clear();
            self.row.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
            element(&number.to_le_bytes(), &self.row);
        }
    }
}

impl DenseHistogram {
    /// Reads `array`, in which each of so many CPUs has a histogram for each of so many keys.
    pub fn new(array: MapData, cpus: u32, keys: u32) -> Result<DenseHistogram, FeatureError> {
        let keys = keys as usize;
        let of_cpu = keys * HISTOGRAM_SLOTS;
        Ok(DenseHistogram {
            array: map(array, cpus as usize * of_cpu)?,
            keys,
            sums: vec![0; of_cpu],
        })
    }

    /// Hands out every bucket that was ever hit.
    pub fn each(&mut self, mut bucket: impl FnMut(&[u8], u32, u64)) {
        sum(&self.array, &mut self.sums);
        let histograms = self.sums.chunks_exact(HISTOGRAM_SLOTS).take(self.keys);
        for (key, histogram) in (0u32..).zip(histograms) {
            let key = key.to_le_bytes();
            for (number, count) in (0u32..).zip(histogram).filter(|(_, count)| **count > 0) {
                bucket(&key, number, *count);
            }
        }
    }
}

/// The sums over all CPUs.
fn sum(array: &MappedWords, sums: &mut [u64]) {
    sums.fill(0);
    for of_cpu in array.words().chunks_exact(sums.len()) {
        for (sum, word) in sums.iter_mut().zip(of_cpu) {
            *sum = sum.wrapping_add(word.load(Ordering::Relaxed));
        }
    }
}
