//! A histogram as bytes: its buckets that have values.

use super::BUCKETS;
use crate::narrow::index;
use crate::varint::put_varint;

/// Why the bytes of a cell are no histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// They end inside a number.
    #[error("the histogram is cut short")]
    CutShort,
    /// A number takes more than 64 bits.
    #[error("a number of the histogram is too large")]
    TooLarge,
    /// A bucket comes twice, or is beyond the last.
    #[error("the histogram has a bucket that there is not")]
    Bucket,
    /// A bucket is there and has no value.
    #[error("the histogram has a bucket without values")]
    Empty,
}

/// The buckets of a cell that have values and how many, from the lowest. Ends behind an error.
pub fn buckets(cell: &[u8]) -> impl Iterator<Item = Result<(usize, u64), HistogramError>> + '_ {
    let (mut rest, mut next) = (cell, 0);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bucket = take(&mut rest, next);
        match &bucket {
            Ok((index, _)) => next = index + 1,
            Err(_) => rest = &[],
        }
        Some(bucket)
    })
}

/// Takes the next bucket, which is `next` or one above.
fn take(rest: &mut &[u8], next: usize) -> Result<(usize, u64), HistogramError> {
    let distance = take_varint(rest)?;
    let beyond = distance.checked_sub(1).ok_or(HistogramError::Bucket)?;
    let room = (BUCKETS - next) as u64;
    if beyond >= room {
        return Err(HistogramError::Bucket);
    }
    match take_varint(rest)? {
        0 => Err(HistogramError::Empty),
        count => Ok((next + index(beyond), count)),
    }
}

#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, HistogramError> {
    let mut value = 0u64;
    for (at, &byte) in rest.iter().enumerate() {
        if at == 9 && byte > 1 {
            return Err(HistogramError::TooLarge);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    Err(HistogramError::CutShort)
}

/// Appends the cell of some buckets, ascending, that have values.
pub(super) fn encode(buckets: impl Iterator<Item = (usize, u64)>, out: &mut Vec<u8>) {
    let mut next = 0;
    for (index, count) in buckets {
        put_varint(out, (index - next) as u64 + 1);
        put_varint(out, count);
        next = index + 1;
    }
}
