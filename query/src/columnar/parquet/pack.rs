//! Packs integers into as few bits as they need, least significant bit first: what both integer
//! encodings of Parquet are made of.

/// How many values [`pack`] takes at once. 64 values of `w` bits are `w` whole words, so every call
/// starts and ends on a word.
pub const LANES: usize = 64;

/// How many bits the value needs.
#[inline]
pub fn width_of(value: u64) -> usize {
    64 - value.leading_zeros() as usize
}

/// Packs the low `width` bits of each of `values`, which must be all that is set in them, into the
/// first `8 * width` bytes of `out`.
pub fn pack(width: usize, values: &[u64; LANES], out: &mut [u8]) {
    macro_rules! by_width {
        ($($n:literal)*) => {
            match width {
                $($n => pack_const::<$n>(values, out),)*
                _ => debug_assert_eq!(width, 0, "no integer has more than 64 bits"),
            }
        };
    }
    by_width! {
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
        63 64
    }
}

/// With the width known the loop unrolls into shifts by constants, without a branch.
#[inline(always)]
fn pack_const<const WIDTH: usize>(values: &[u64; LANES], out: &mut [u8]) {
    let (words, _) = out[..WIDTH * 8].as_chunks_mut::<8>();
    let mut word = 0;
    let mut bits = 0u64;
    for (lane, &value) in values.iter().enumerate() {
        let shift = lane * WIDTH % 64;
        bits |= value << shift;
        if shift + WIDTH >= 64 {
            words[word] = bits.to_le_bytes();
            word += 1;
            bits = if shift + WIDTH > 64 { value >> (64 - shift) } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, pack, width_of};
    use proptest::prelude::*;

    fn bit(bytes: &[u8], index: usize) -> bool {
        bytes[index / 8] >> (index % 8) & 1 == 1
    }

    proptest! {
        #[test]
        fn every_bit_of_every_value_stands_where_the_format_says(
            width in 0usize..=64,
            seed in prop::array::uniform32(any::<u64>()),
        ) {
            let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
            let mut values = [0; LANES];
            for (lane, value) in values.iter_mut().enumerate() {
                *value = seed[lane % 32].rotate_left(lane as u32) & mask;
            }
            let mut out = vec![0xff; width * 8];
            pack(width, &values, &mut out);
            for (lane, value) in values.iter().enumerate() {
                prop_assert!(width_of(*value) <= width);
                for b in 0..width {
                    prop_assert_eq!(
                        bit(&out, lane * width + b), value >> b & 1 == 1,
                        "bit {} of value {} of {} bits", b, lane, width
                    );
                }
            }
        }
    }
}
