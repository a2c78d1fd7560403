//! The RLE / bit-packing hybrid: what says which values are there, and which entry of a dictionary
//! each value is.

use super::delta::uleb;
use super::pack::{LANES, pack};
use crate::rows::Bitmap;

/// Appends the definition levels of `rows` rows: 1 where there is a value. `None` says that every
/// row has one.
pub fn encode_presence(present: Option<&Bitmap>, rows: usize, out: &mut Vec<u8>) {
    match present {
        None => encode_run(rows, 1, 1, out),
        Some(bits) => {
            let groups = rows.div_ceil(8);
            uleb(out, (groups as u64) << 1 | 1);
            let start = out.len();
            bits.words().iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            out.truncate(start + groups);
        }
    }
}

/// Appends `values`, each less than `2^width`; `width` is 1 to 32.
pub fn encode(values: &[u64], width: usize, out: &mut Vec<u8>) {
    let Some((&first, rest)) = values.split_first() else { return };
    if rest.iter().all(|&value| value == first) {
        return encode_run(values.len(), first, width, out);
    }
    let groups = values.len().div_ceil(8);
    uleb(out, (groups as u64) << 1 | 1);
    let start = out.len();
    let mut lanes = [0; LANES];
    for chunk in values.chunks(LANES) {
        lanes[..chunk.len()].copy_from_slice(chunk);
        lanes[chunk.len()..].fill(0);
        let at = out.len();
        out.resize(at + width * 8, 0);
        pack(width, &lanes, &mut out[at..]);
    }
    out.truncate(start + groups * width);
}

fn encode_run(count: usize, value: u64, width: usize, out: &mut Vec<u8>) {
    uleb(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8)]);
}
