//! The coders of a column's words: constant, sparse, shuffled deltas.

use super::BlockError;
use super::wire::{Wire, put_varint, unzigzag, zigzag};
use crate::narrow::low_byte;
use crate::schema::{Column, ColumnType, Semantics};

/// How the words of a column are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coder {
    /// All words are the first one; nothing else is kept.
    Constant,
    /// The rows at which the word changes, and by how much.
    Sparse,
    /// The change at every row, in this many byte planes.
    Shuffle(u8),
}

/// What one pass over the words of a column finds out.
#[derive(Clone, Copy, Debug)]
pub struct Analysis {
    /// The coder that suits it.
    pub coder: Coder,
    /// Every change is a multiple of this.
    pub divisor: u64,
    /// The first word; 0 when there is none.
    pub first: u64,
    /// The last word.
    pub last: u64,
    /// Of a gauge the smallest word.
    pub min: u64,
    /// Of a gauge the largest word.
    pub max: u64,
    /// Of a gauge the sum: of integers the wrapped sum of differences to the first, of doubles the
    /// bits of the sum.
    pub sum: u64,
    /// Whether the figures above cannot stand for the rows: a counter went down, a sum overflowed.
    pub irregular: bool,
}

/// One change in four rows or fewer is kept sparse: above that the planes, which are mostly zero
/// then, compress better than the positions.
const SPARSE_ROWS: usize = 4;

/// Analyses `words` and leaves the changes, divided and zigzagged, in `changes`.
pub fn analyse(words: &[u64], column: &Column, changes: &mut Vec<u64>) -> Analysis {
    changes.clear();
    let first = words.first().copied().unwrap_or(0);
    let last = words.last().copied().unwrap_or(0);
    let mut all = 0u64;
    changes.extend(words.windows(2).map(|pair| {
        let change = pair[1].wrapping_sub(pair[0]);
        all |= change;
        change
    }));
    let mut analysis = Analysis {
        coder: Coder::Constant,
        divisor: 1,
        first,
        last,
        min: first,
        max: first,
        sum: 0,
        irregular: false,
    };
    // Of a column that does not change the directory has the first word alone.
    if all == 0 {
        return analysis;
    }
    roll_up(words, column, &mut analysis);
    let (divisor, moved) = divisor_of(changes);
    analysis.divisor = divisor;
    if divisor > 1 {
        for change in changes.iter_mut().filter(|change| **change != 0) {
            *change = (change.cast_signed() / divisor.cast_signed()).cast_unsigned();
        }
    }
    let mut widest = 0;
    for change in changes.iter_mut() {
        *change = zigzag(change.cast_signed());
        widest |= *change;
    }
    analysis.coder = if moved * SPARSE_ROWS <= changes.len() {
        Coder::Sparse
    } else {
        Coder::Shuffle(low_byte((8 - widest.leading_zeros() / 8).into()))
    };
    analysis
}

/// The greatest common divisor of the changes, and how many are not zero.
pub fn divisor_of(changes: &[u64]) -> (u64, usize) {
    let mut divisor = 0u64;
    for &change in changes.iter().filter(|change| **change != 0) {
        divisor = gcd(divisor, change.cast_signed().unsigned_abs());
        if divisor == 1 {
            break;
        }
    }
    let moved = changes.iter().filter(|change| **change != 0).count();
    // The one divisor that has no positive i64: leave such columns as they are.
    if divisor > i64::MAX.cast_unsigned() { (1, moved) } else { (divisor.max(1), moved) }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn roll_up(words: &[u64], column: &Column, analysis: &mut Analysis) {
    match (column.semantics, column.kind) {
        (Semantics::State, _)
        | (
            _,
            ColumnType::String
            | ColumnType::Bytes
            | ColumnType::Bool
            | ColumnType::Histogram
            | ColumnType::Stack,
        ) => {}
        (Semantics::Counter, ColumnType::F64) => {
            analysis.irregular =
                !words.windows(2).all(|pair| f64::from_bits(pair[0]) <= f64::from_bits(pair[1]));
        }
        (Semantics::Counter, _) => {
            analysis.irregular = !words.windows(2).all(|pair| pair[0] <= pair[1]);
        }
        (Semantics::Gauge, ColumnType::U64) => {
            let (mut min, mut max, mut sum) = (u64::MAX, 0, 0i128);
            for &word in words {
                min = min.min(word);
                max = max.max(word);
                sum += i128::from(word) - i128::from(analysis.first);
            }
            (analysis.min, analysis.max) = (min, max);
            set_sum(sum, analysis);
        }
        (Semantics::Gauge, ColumnType::I64) => {
            let (mut min, mut max, mut sum) = (i64::MAX, i64::MIN, 0i128);
            for word in words.iter().map(|word| word.cast_signed()) {
                min = min.min(word);
                max = max.max(word);
                sum += i128::from(word) - i128::from(analysis.first.cast_signed());
            }
            (analysis.min, analysis.max) = (min.cast_unsigned(), max.cast_unsigned());
            set_sum(sum, analysis);
        }
        (Semantics::Gauge, ColumnType::F64) => {
            let (mut min, mut max, mut sum) = (f64::NAN, f64::NAN, 0.0);
            for value in words.iter().map(|word| f64::from_bits(*word)) {
                min = value.min(min);
                max = value.max(max);
                sum += value;
            }
            analysis.min = min.to_bits();
            analysis.max = max.to_bits();
            analysis.sum = sum.to_bits();
        }
    }
}

fn set_sum(sum: i128, analysis: &mut Analysis) {
    match i64::try_from(sum) {
        Ok(sum) => analysis.sum = sum.cast_unsigned(),
        Err(_) => analysis.irregular = true,
    }
}

/// Appends the payload of a sparse column: for each change the rows since the one before, and the
/// change.
pub fn put_sparse(out: &mut Vec<u8>, changes: &[u64]) {
    let mut before = 0;
    for (at, &change) in changes.iter().enumerate() {
        if change != 0 {
            put_varint(out, (at - before) as u64);
            put_varint(out, change);
            before = at + 1;
        }
    }
}

/// Decodes a sparse column of `out.len()` words.
pub fn take_sparse(
    payload: &[u8],
    first: u64,
    divisor: u64,
    out: &mut [u64],
) -> Result<(), BlockError> {
    let damaged = || BlockError::Layout("sparse column");
    let mut wire = Wire::new(payload, "sparse column");
    let (mut at, mut word) = (0, first);
    while wire.end().is_err() {
        let skip = wire.count(out.len())?;
        let change = unzigzag(wire.varint()?);
        let end = at + skip + 1;
        fill(out, at, end, word).ok_or_else(damaged)?;
        word = word.wrapping_add(change.wrapping_mul(divisor.cast_signed()).cast_unsigned());
        at = end;
    }
    out.get_mut(at..).ok_or_else(damaged)?.fill(word);
    Ok(())
}

/// Makes `out[from..to]` `word`, and what comes behind it anything: runs are short, and eight words
/// are stored in less time than it takes to find out how many there are.
#[inline]
fn fill(out: &mut [u64], from: usize, to: usize, word: u64) -> Option<()> {
    const RUN: usize = 8;
    let run = out.get(from..to)?.len();
    match out[from..].first_chunk_mut::<RUN>() {
        Some(store) => {
            *store = [word; RUN];
            if run > RUN {
                out[from + RUN..to].fill(word);
            }
        }
        None => out[from..to].fill(word),
    }
    Some(())
}

/// Appends plane `plane` of the changes.
pub fn put_plane(out: &mut Vec<u8>, changes: &[u64], plane: usize) {
    out.extend(changes.iter().map(|change| low_byte(change >> (8 * plane))));
}
