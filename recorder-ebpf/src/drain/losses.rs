//! What did not get out of the kernel, as the programs count it.

use crate::error::FeatureError;
use crate::mapped::MappedWords;
use crate::object::take_map;
use aya::Ebpf;

/// `struct losses`.
const WORDS: usize = 4;

/// What was lost since it was asked before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Events beyond the budget.
    pub suppressed: u64,
    /// Events beyond the budget of those that others may not crowd out.
    pub suppressed_precious: u64,
    /// Events for which the ring had no room.
    pub ring_full: u64,
    /// What found no place in a map.
    pub map_full: u64,
}

/// The counts of one feature.
pub struct Losses {
    words: Option<MappedWords>,
    before: [u64; WORDS],
}

impl Losses {
    /// Those of a feature that is loaded.
    pub fn from_object(object: &mut Ebpf) -> Result<Losses, FeatureError> {
        let words = match object.map("losses") {
            None => None,
            Some(_) => {
                let map = take_map(object, "losses")?;
                let mapped = MappedWords::new(map, WORDS);
                Some(
                    mapped
                        .map_err(|source| FeatureError::Read { path: "losses".into(), source })?,
                )
            }
        };
        Ok(Losses { words, before: [0; WORDS] })
    }

    /// What was lost since this was called before.
    pub fn take(&mut self) -> Lost {
        let Some(words) = &self.words else { return Lost::default() };
        let mut more = [0; WORDS];
        for (at, more) in more.iter_mut().enumerate() {
            let now = words.get(at);
            *more = now.saturating_sub(self.before[at]);
            self.before[at] = now;
        }
        let [suppressed, ring_full, map_full, suppressed_precious] = more;
        Lost { suppressed, suppressed_precious, ring_full, map_full }
    }
}
