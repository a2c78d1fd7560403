//! Damage as it is told: once for each segment and kind, however often it is met.

use super::ReadError;
use super::part::Part;
use crate::segment::ChunkKind;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// So many numbers are told of what is damaged likewise.
const MOST_NUMBERS: usize = 8;

/// So many are remembered of it: a segment has some thousand blocks.
const MOST_REMEMBERED: usize = 1 << 16;

/// Gathers damage that is met again and again.
#[derive(Debug, Default)]
pub struct Damages {
    met: Vec<Met>,
    places: HashMap<(PathBuf, Option<ChunkKind>), usize>,
}

/// What was met of one kind in one segment.
#[derive(Debug)]
struct Met {
    kind: Option<ChunkKind>,
    is_of_data: bool,
    /// The first of it, in words.
    first: String,
    first_id: Option<u64>,
    /// Numbers of the others.
    more: BTreeSet<u64>,
}

impl Damages {
    /// Notes what was met.
    pub fn note(&mut self, error: &ReadError) {
        let (path, part) = match error {
            ReadError::Damaged { path, part, .. } => (path.clone(), Some(*part)),
            ReadError::Io { path, .. } | ReadError::Newer { path, .. } => (path.clone(), None),
            other => (PathBuf::from(other.to_string()), None),
        };
        let kind = part.and_then(Part::kind);
        let id = match part {
            Some(Part::Chunk(_, id)) => Some(id),
            _ => None,
        };
        if let Some(at) = self.places.get(&(path.clone(), kind)) {
            let met = &mut self.met[*at];
            met.is_of_data |= part.is_some();
            if let Some(id) = id.filter(|id| Some(*id) != met.first_id)
                && met.more.len() < MOST_REMEMBERED
            {
                met.more.insert(id);
            }
            return;
        }
        self.places.insert((path, kind), self.met.len());
        let (first, first_id, more) = (error.to_string(), id, BTreeSet::new());
        let is_of_data = part.is_some();
        self.met.push(Met { kind, is_of_data, first, first_id, more });
    }

    /// Whether damage of that kind was met in that segment before.
    pub fn knows(&self, error: &ReadError) -> bool {
        let ReadError::Damaged { path, part, .. } = error else { return false };
        self.places.contains_key(&(path.clone(), part.kind()))
    }

    /// Whether any of it is of what a segment holds, and not of a disk that fails or of a segment
    /// that a newer recorder wrote.
    pub fn is_of_data(&self) -> bool {
        self.met.iter().any(|met| met.is_of_data)
    }

    /// How many parts were met.
    pub fn parts(&self) -> u64 {
        self.met.iter().map(|met| 1 + met.more.len() as u64).sum()
    }

    /// A sentence for each kind in each segment, in the order in which they were met.
    pub fn sentences(&self) -> impl Iterator<Item = String> + '_ {
        self.met.iter().map(Met::sentence)
    }
}

impl Met {
    fn sentence(&self) -> String {
        let (Some(kind), more) = (self.kind, self.more.len()) else { return self.first.clone() };
        if more == 0 {
            return self.first.clone();
        }
        let mut numbers: Vec<String> =
            self.more.iter().take(MOST_NUMBERS).map(u64::to_string).collect();
        if more > MOST_NUMBERS {
            numbers.push("...".into());
        }
        let (first, numbers) = (&self.first, numbers.join(", "));
        match (kind, more) {
            (ChunkKind::Block, 1) => format!("{first}; and so is block {numbers}"),
            (ChunkKind::Block, _) => format!("{first}; and so are {more} more blocks: {numbers}"),
            (_, 1) => format!("{first}; and so is another: {numbers}"),
            _ => format!("{first}; and so are {more} others: {numbers}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Damages;
    use crate::reader::ReadError;
    use crate::segment::{ChunkKind, EnvelopeError, SegmentError};
    use std::path::Path;

    #[test]
    fn damage_of_a_kind_in_a_segment_is_one_sentence_that_counts() {
        let mut damages = Damages::default();
        let mut meet = |path: &str, kind, id| {
            let why = EnvelopeError::Checksum;
            let error = SegmentError::Chunk { kind, id, why };
            damages.note(&ReadError::from_segment(Path::new(path), error));
        };
        for block in 3..118 {
            meet("a", ChunkKind::Block, block);
            meet("a", ChunkKind::Block, block);
        }
        meet("a", ChunkKind::Journal, 7);
        meet("b", ChunkKind::Block, 1);
        meet("b", ChunkKind::Block, 4);
        assert_eq!(
            damages.sentences().collect::<Vec<_>>(),
            [
                "a is damaged: block 3: its checksum does not match; and so are 114 more blocks: \
                 4, 5, 6, 7, 8, 9, 10, 11, ...",
                "a is damaged: journal entry 7: its checksum does not match",
                "b is damaged: block 1: its checksum does not match; and so is block 4",
            ]
        );
        assert_eq!(damages.parts(), 118);
    }
}
