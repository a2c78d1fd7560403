//! The byte planes of the columns of a group: likes lie together, so each column is in several places.

use super::coder::Coder;
use super::directory::Directory;

/// Where the next column's bytes are in each plane of a group.
pub struct PlaneCursors {
    at: [usize; 8],
}

impl PlaneCursors {
    /// At the first of `columns`, each of which has so many values.
    pub fn new(
        directory: &Directory,
        columns: std::ops::Range<usize>,
        lengths: &[usize],
    ) -> PlaneCursors {
        let mut sparse = 0;
        let mut sizes = [0; 8];
        for (column, &length) in columns.zip(lengths) {
            sparse += directory.sparse_bytes[column] as usize;
            if let Coder::Shuffle(width) = directory.coder(column) {
                sizes[..usize::from(width)]
                    .iter_mut()
                    .for_each(|size| *size += length.saturating_sub(1));
            }
        }
        let mut at = [sparse; 8];
        for plane in 1..8 {
            at[plane] = at[plane - 1] + sizes[plane - 1];
        }
        PlaneCursors { at }
    }

    /// The planes of the next column, which is not moved over where it has none.
    pub fn take<'a>(
        &mut self,
        coder: Coder,
        length: usize,
        raw: &'a [u8],
    ) -> Option<[&'a [u8]; 8]> {
        let mut slices: [&[u8]; 8] = [&[]; 8];
        if let Coder::Shuffle(width) = coder {
            let changes = length.saturating_sub(1);
            for (slice, at) in slices.iter_mut().zip(&mut self.at).take(usize::from(width)) {
                *slice = raw.get(*at..*at + changes)?;
                *at += changes;
            }
        }
        Some(slices)
    }
}
