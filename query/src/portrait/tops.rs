//! Sums by a name, of which the greatest are told. Memory does not grow with how many names there
//! are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

/// So many are kept at most; beyond that the lightest half is forgotten.
const MOST: usize = 1 << 14;

/// Sums by a name.
pub struct Tops<K> {
    sums: HashMap<K, Sum>,
    /// How many names were forgotten.
    pub forgotten: u64,
    /// How often anything was added.
    pub count: u64,
}

/// What has a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How often.
    pub count: u64,
    /// How much together.
    pub weight: u64,
    /// Wall time of the last.
    pub last: i64,
}

impl<K: Hash + Eq + Ord + Clone> Tops<K> {
    /// Nothing yet.
    pub fn new() -> Tops<K> {
        Tops { sums: HashMap::new(), forgotten: 0, count: 0 }
    }

    /// Adds what happened at a wall time.
    pub fn add(&mut self, name: K, weight: u64, time: i64) {
        self.count += 1;
        let sum = self.sums.entry(name).or_default();
        sum.count += 1;
        sum.weight = sum.weight.saturating_add(weight);
        sum.last = sum.last.max(time);
        if self.sums.len() > MOST {
            let kept = self.take(MOST / 2);
            self.forgotten += (self.sums.len() - kept.len()) as u64;
            self.sums = kept.into_iter().collect();
        }
    }

    /// The first `most` by weight, then by count, then by name.
    pub fn take(&self, most: usize) -> Vec<(K, Sum)> {
        let mut all: Vec<(K, Sum)> =
            self.sums.iter().map(|(name, sum)| (name.clone(), *sum)).collect();
        all.sort_by(|(a, a_sum), (b, b_sum)| {
            let key = |sum: &Sum| (Reverse(sum.weight), Reverse(sum.count));
            key(a_sum).cmp(&key(b_sum)).then_with(|| a.cmp(b))
        });
        all.truncate(most);
        all
    }

    /// How many names there are.
    pub fn names(&self) -> u64 {
        self.forgotten + self.sums.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Tops};

    #[test]
    fn the_heaviest_survive_however_many_names_there_are() {
        let mut tops = Tops::new();
        for name in 0..4 * MOST as u64 {
            tops.add(name, if name == 7 { 1 << 40 } else { name % 100 }, 5);
            tops.add(7, 1, 6);
        }
        assert!(tops.sums.len() <= MOST);
        assert_eq!(tops.take(1)[0].0, 7);
        assert_eq!(tops.take(1)[0].1.last, 6);
        assert!(tops.forgotten > 0 && tops.names() >= 4 * MOST as u64);
    }
}
