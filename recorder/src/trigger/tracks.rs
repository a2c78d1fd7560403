//! What is known of each instance of a table, for each of its rules.

use super::condition::Track;
use nodemon_formats::record::Held;
use nodemon_formats::{ColumnType, Schema, TableKind};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// What has gone is forgotten when there are this many more than in the last sample.
const MOST_GONE: usize = 256;

/// Tracks, one for each instance and rule.
#[derive(Default)]
pub struct Tracks {
    rules: usize,
    /// Whether each key is a text, of which the record has a number.
    texts: Vec<bool>,
    /// Where the tracks of an instance are, by a hash of its keys.
    places: HashMap<u64, usize>,
    tracks: Vec<Track>,
    /// The sample in which each instance was last.
    seen: Vec<u64>,
    sample: u64,
    hasher: RandomState,
}

impl Tracks {
    /// No instance yet of the table of `schema`, for so many rules.
    pub fn new(schema: &Schema, rules: usize) -> Tracks {
        let keys: &[_] = if schema.kind == TableKind::Sample { &schema.keys } else { &[] };
        Tracks {
            rules,
            texts: keys.iter().map(|key| key.kind != ColumnType::U64).collect(),
            ..Tracks::default()
        }
    }

    /// The same of rules of which each was at a place among those known here before, or is new.
    pub fn carried(&self, places: &[Option<usize>]) -> Tracks {
        let track = |at: usize, before: &Option<usize>| {
            let before = before.and_then(|before| self.tracks.get(at * self.rules + before));
            before.copied().unwrap_or_default()
        };
        let of_instance = |at: usize| places.iter().map(move |before| track(at, before));
        Tracks {
            rules: places.len(),
            texts: self.texts.clone(),
            places: self.places.clone(),
            tracks: (0..self.seen.len()).flat_map(of_instance).collect(),
            seen: self.seen.clone(),
            sample: self.sample,
            hasher: self.hasher.clone(),
        }
    }

    /// A sample begins: when the one before had far fewer instances than there were, what has gone is
    /// forgotten.
    pub fn begin(&mut self) {
        let last = self.sample;
        self.sample += 1;
        let here = self.seen.iter().filter(|seen| **seen == last).count();
        if self.seen.len() > 2 * here + MOST_GONE {
            let (seen, tracks, rules) = (&self.seen, &self.tracks, self.rules);
            let mut kept = Vec::with_capacity(here * rules);
            let mut count = 0;
            self.places.retain(|_, place| {
                let stays = seen.get(*place) == Some(&last);
                if let Some(own) = tracks.get(*place * rules..(*place + 1) * rules)
                    && stays
                {
                    kept.extend_from_slice(own);
                    *place = count;
                    count += 1;
                }
                stays
            });
            self.tracks = kept;
            self.seen = vec![last; count];
            self.places.shrink_to_fit();
        }
    }

    /// Where the tracks of the instance of a row are, and whether it is new, for which it allocates.
    pub fn place(&mut self, held: &Held<'_>, row: usize) -> (usize, bool) {
        let identity = if self.texts.is_empty() { 0 } else { self.identity(held, row) };
        let next = self.seen.len();
        let place = *self.places.entry(identity).or_insert(next);
        if place == next {
            self.seen.push(0);
            self.tracks.resize((next + 1) * self.rules, Track::default());
        }
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = self.sample;
        }
        (place, place == next)
    }

    /// The track of a rule there.
    pub fn track(&mut self, place: usize, rule: usize) -> Option<&mut Track> {
        self.tracks.get_mut(place * self.rules + rule)
    }

    /// How many instances are known.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    fn identity(&self, held: &Held<'_>, row: usize) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let instance = held.instance(row);
        for (key, is_text) in self.texts.iter().enumerate() {
            let word = held.key(instance, key).unwrap_or(0);
            if *is_text {
                let text = held.string(word);
                hasher.write_usize(text.len());
                hasher.write(text);
            } else {
                hasher.write_u64(word);
            }
        }
        hasher.finish()
    }
}
