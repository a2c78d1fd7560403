//! Byte planes into words: what decoding spends its time on, next to zstd.
//!
//! The same loop is compiled twice, for every x86-64 and for those with AVX2, and the machine says
//! which runs. To call code for a CPU feature is unsafe, because elsewhere it would be an illegal
//! instruction; this module is here so that the one such call and the question before it stand
//! together.

use super::wire::unzigzag;

/// Decodes a column of `out.len()` words from its planes, each of one byte a change.
pub fn take_shuffle(planes: &[&[u8]], first: u64, divisor: u64, out: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has the feature that the function was compiled for.
        return unsafe { with_avx2(planes, first, divisor, out) };
    }
    by_planes(planes, first, divisor, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(planes: &[&[u8]], first: u64, divisor: u64, out: &mut [u64]) {
    by_planes(planes, first, divisor, out);
}

#[inline(always)]
fn by_planes(planes: &[&[u8]], first: u64, divisor: u64, out: &mut [u64]) {
    match *planes {
        [a] => narrow([a], first, divisor, out),
        [a, b] => narrow([a, b], first, divisor, out),
        [a, b, c] => narrow([a, b, c], first, divisor, out),
        [a, b, c, d] => narrow([a, b, c, d], first, divisor, out),
        [a, b, c, d, e] => wide([a, b, c, d, e], first, divisor, out),
        [a, b, c, d, e, f] => wide([a, b, c, d, e, f], first, divisor, out),
        [a, b, c, d, e, f, g] => wide([a, b, c, d, e, f, g], first, divisor, out),
        [a, b, c, d, e, f, g, h] => wide([a, b, c, d, e, f, g, h], first, divisor, out),
        _ => out.fill(first),
    }
}

/// Changes of up to four bytes, put together in lanes of 32 bits.
#[inline(always)]
fn narrow<const N: usize>(planes: [&[u8]; N], first: u64, divisor: u64, out: &mut [u64]) {
    let change = |bytes: [u8; N]| {
        let mut change = 0;
        for (plane, byte) in bytes.into_iter().enumerate() {
            change |= u32::from(byte) << (8 * plane);
        }
        i64::from((change >> 1).cast_signed() ^ (change & 1).wrapping_neg().cast_signed())
    };
    sum_up(planes, first, divisor, out, change);
}

#[inline(always)]
fn wide<const N: usize>(planes: [&[u8]; N], first: u64, divisor: u64, out: &mut [u64]) {
    let change = |bytes: [u8; N]| {
        let mut change = 0;
        for (plane, byte) in bytes.into_iter().enumerate() {
            change |= u64::from(byte) << (8 * plane);
        }
        unzigzag(change)
    };
    sum_up(planes, first, divisor, out, change);
}

/// Changes put together at a time. Their number is known to the compiler, which leaves no loop.
const STRIDE: usize = 64;

#[inline(always)]
fn sum_up<const N: usize>(
    planes: [&[u8]; N],
    first: u64,
    divisor: u64,
    out: &mut [u64],
    change: impl Fn([u8; N]) -> i64,
) {
    let Some((head, rest)) = out.split_first_mut() else { return };
    *head = first;
    let mut word = first;
    let strides = planes.map(|plane| plane.as_chunks::<STRIDE>());
    let (whole, tail) = rest.as_chunks_mut::<STRIDE>();
    let whole_strides = whole.len();
    for (at, out) in whole.iter_mut().enumerate() {
        let bytes = strides.map(|(strides, _)| &strides[at]);
        let mut changes = [0i64; STRIDE];
        for (lane, to) in changes.iter_mut().enumerate() {
            *to = change(bytes.map(|bytes| bytes[lane]));
        }
        if divisor != 1 {
            changes.iter_mut().for_each(|to| *to = to.wrapping_mul(divisor.cast_signed()));
        }
        // Sums of four that do not wait for the four before.
        let (fours, _) = changes.as_chunks::<4>();
        let (outs, _) = out.as_chunks_mut::<4>();
        for (out, four) in outs.iter_mut().zip(fours) {
            let [a, b, c, d] = four.map(i64::cast_unsigned);
            let ab = a.wrapping_add(b);
            let sums = [a, ab, ab.wrapping_add(c), ab.wrapping_add(c.wrapping_add(d))];
            *out = sums.map(|sum| word.wrapping_add(sum));
            word = word.wrapping_add(sums[3]);
        }
    }
    let planes = planes.map(|plane| &plane[whole_strides * STRIDE..]);
    for (at, out) in tail.iter_mut().enumerate() {
        let change = change(planes.map(|plane| plane[at])).wrapping_mul(divisor.cast_signed());
        word = word.wrapping_add(change.cast_unsigned());
        *out = word;
    }
}

#[cfg(test)]
mod tests {
    use super::super::coder::put_plane;
    use super::super::wire::zigzag;
    use super::{by_planes, take_shuffle};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_come_out_of_planes_as_they_went_in_whatever_the_machine_can(
            first in any::<u64>(),
            width in 1usize..=8,
            divisor in prop_oneof![Just(1), any::<u64>()],
            changes in prop::collection::vec(any::<u64>(), 0..300),
        ) {
            let changes: Vec<u64> = changes.iter().map(|c| c >> (64 - 8 * width)).collect();
            let mut expected = vec![first];
            let mut planes = vec![Vec::new(); width];
            for change in &changes {
                let change = super::unzigzag(*change).cast_unsigned().wrapping_mul(divisor);
                expected.push(expected[expected.len() - 1].wrapping_add(change));
            }
            for (plane, bytes) in planes.iter_mut().enumerate() {
                put_plane(bytes, &changes, plane);
            }
            prop_assert!(changes.iter().all(|c| zigzag(super::unzigzag(*c)) == *c));
            let planes: Vec<&[u8]> = planes.iter().map(Vec::as_slice).collect();
            let mut out = vec![0; expected.len()];
            take_shuffle(&planes, first, divisor, &mut out);
            prop_assert_eq!(&out, &expected);
            out.fill(0);
            by_planes(&planes, first, divisor, &mut out);
            prop_assert_eq!(&out, &expected);
        }
    }
}
