//! Damage, at random.

use super::tree;
use fastrand::Rng;
use xxhash_rust::xxh3::xxh3_64;

const PAGE: usize = 4096;
const ENVELOPE: usize = 24;

/// What was done.
pub struct Mutation {
    /// In words.
    pub what: String,
    /// Whether checksums were made right afterwards over what was never written: then rows may be
    /// others.
    pub is_forged: bool,
    /// Whether rows may be missing without a word. The header may name the commit before the last
    /// now: one bit of it does, and as that commit left it nothing is missing. A page of another
    /// segment may be a leaf with other entries of the journal, which is whole; and what is forged
    /// says what its forger likes, such as that rows of the journal are in a block.
    pub may_be_silent: bool,
}

/// Damages the segment in `bytes`; `other` is another one.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Rng) -> Mutation {
    let (mut is_forged, mut is_right) = (false, false);
    let named = bytes.get(9).copied();
    let what = match random.usize(..13) {
        0 => flip(bytes, random),
        1 => cut(bytes, random),
        2 => swap(bytes, random),
        3 => zero(bytes, random),
        4 => noise(bytes, random),
        5 => header(bytes, random),
        6 => page_heads(bytes, random),
        7 => orders(bytes, random),
        8 => {
            is_right = true;
            splice(bytes, other, random)
        }
        9 => page_numbers(bytes, random),
        10 => {
            is_right = true;
            index(bytes, random)
        }
        11 => {
            is_forged = true;
            payload(bytes, random)
        }
        _ => {
            is_forged = true;
            envelope(bytes, random)
        }
    };
    let may_be_silent = is_right || is_forged || bytes.get(9).copied() != named;
    Mutation { what, is_forged, may_be_silent }
}

fn flip(bytes: &mut [u8], random: &mut Rng) -> String {
    let many = [1, 1, 2, 8, 64, 512][random.usize(..6)];
    for _ in 0..many {
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
    }
    format!("{many} bits flipped")
}

fn cut(bytes: &mut Vec<u8>, random: &mut Rng) -> String {
    let length = random.usize(..bytes.len() / 512) * 512 + random.usize(..2) * 100;
    bytes.truncate(length);
    format!("cut to {length} bytes")
}

fn page_of(bytes: &[u8], random: &mut Rng) -> usize {
    random.usize(..(bytes.len() / PAGE).max(1)) * PAGE
}

fn swap(bytes: &mut [u8], random: &mut Rng) -> String {
    let many = [1, 2, 8][random.usize(..3)];
    for _ in 0..many {
        let (a, b) = (page_of(bytes, random), page_of(bytes, random));
        for at in 0..PAGE {
            bytes.swap(a + at, b + at);
        }
    }
    format!("{many} pairs of pages swapped")
}

fn range(bytes: &[u8], random: &mut Rng) -> std::ops::Range<usize> {
    let start = random.usize(..bytes.len());
    start..(start + [1, 16, 512, 4096, 65_536][random.usize(..5)]).min(bytes.len())
}

fn zero(bytes: &mut [u8], random: &mut Rng) -> String {
    let range = range(bytes, random);
    bytes[range.clone()].fill(0);
    format!("zeros in {range:?}")
}

fn noise(bytes: &mut [u8], random: &mut Rng) -> String {
    let range = range(bytes, random);
    random.fill(&mut bytes[range.clone()]);
    format!("noise in {range:?}")
}

fn extreme(random: &mut Rng) -> u8 {
    [0, 1, 2, 0x7f, 0xff, random.u8(..)][random.usize(..6)]
}

fn header(bytes: &mut [u8], random: &mut Rng) -> String {
    let many = [1, 2, 4][random.usize(..3)];
    for _ in 0..many {
        let at = random.usize(..320.min(bytes.len()));
        bytes[at] = extreme(random);
    }
    if random.bool() {
        let _ = tree::make_right(bytes);
    }
    format!("{many} bytes of the header changed")
}

fn page_heads(bytes: &mut [u8], random: &mut Rng) -> String {
    let many = [1, 4][random.usize(..2)];
    for _ in 0..many {
        let at = page_of(bytes, random) + random.usize(..32);
        bytes[at] = extreme(random);
    }
    format!("{many} heads of pages changed")
}

/// The places of page numbers in pages that look like branches.
fn numbers(bytes: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    for (page, content) in bytes.chunks_exact(PAGE).enumerate() {
        let keys = usize::from(u16::from_le_bytes([content[2], content[3]]));
        if content[0] == 2 && 8 + 24 * (keys + 1) <= PAGE {
            let first = page * PAGE + 8 + 16 * (keys + 1);
            places.extend((0..=keys).map(|child| first + 8 * child));
        }
    }
    // Those of the roots in the two slots.
    places.extend([64 + 8, 192 + 8]);
    places
}

fn orders(bytes: &mut [u8], random: &mut Rng) -> String {
    let order = random.u8(1..32);
    let places = numbers(bytes);
    let few = random.bool();
    for at in places {
        if (!few || random.u8(..8) == 0) && at + 8 <= bytes.len() {
            bytes[at + 7] = bytes[at + 7] & 0b111 | order << 3;
        }
    }
    if random.bool() {
        let _ = tree::make_right(bytes);
    }
    format!("pages of order {order}")
}

fn page_numbers(bytes: &mut [u8], random: &mut Rng) -> String {
    let places = numbers(bytes);
    for _ in 0..random.usize(1..4) {
        let (to, from) =
            (places[random.usize(..places.len())], places[random.usize(..places.len())]);
        if to.max(from) + 8 <= bytes.len() {
            bytes.copy_within(from..from + 8, to);
        }
    }
    if random.bool() {
        let _ = tree::make_right(bytes);
    }
    "page numbers exchanged".into()
}

fn splice(bytes: &mut [u8], other: &[u8], random: &mut Rng) -> String {
    let many = [1, 3, 16][random.usize(..3)];
    for _ in 0..many {
        let (to, from) = (page_of(bytes, random), page_of(other, random));
        let length = PAGE.min(bytes.len() - to).min(other.len() - from);
        bytes[to..to + length].copy_from_slice(&other[from..from + length]);
    }
    format!("{many} pages of another segment put in")
}

/// Entries of the index that lie, under checksums that are right.
fn index(bytes: &mut [u8], random: &mut Rng) -> String {
    let mut entries = Vec::new();
    for leaf in tree::index_leaves(bytes) {
        let count = usize::from(u16::from_le_bytes([bytes[leaf + 2], bytes[leaf + 3]]));
        let keys = leaf + 4 + 4 * count;
        entries.extend((0..count).map(|at| (keys + 20 * at, keys + 20 * count + 32 * at)));
    }
    let words = [0, 1, u64::MAX, u64::MAX >> 1, 1 << 40, 1 << 62];
    let mut told = Vec::new();
    for _ in 0..random.usize(1..4) {
        let Some(&(key, value)) = random.choice(&entries) else { break };
        if value + 32 > bytes.len() {
            break;
        }
        let word = match words[random.usize(..words.len())] {
            0 => random.u64(..),
            word => word,
        };
        let (at, size) = [(0, 8), (8, 8), (16, 4), (20, 4), (24, 1)][random.usize(..5)];
        let at = if random.u8(..4) == 0 { key + 4 } else { value + at };
        let size = if at == key + 4 { 8 } else { size };
        bytes[at..at + size].copy_from_slice(&word.to_le_bytes()[..size]);
        let mut summed = bytes[key..key + 20].to_vec();
        summed.extend_from_slice(&bytes[value..value + 28]);
        let sum = xxh3_64(&summed) as u32;
        bytes[value + 28..value + 32].copy_from_slice(&sum.to_le_bytes());
        told.push(format!("byte {} of an entry is {word:#x}", at as isize - value as isize));
    }
    let _ = tree::make_right(bytes);
    format!("a lying index: {}", told.join(", "))
}

/// Where whole chunks lie, and the lengths of their payloads.
fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let starts =
        (0..bytes.len().saturating_sub(ENVELOPE)).filter(|at| &bytes[*at..at + 4] == b"NMCK");
    let whole = starts.filter_map(|at| {
        let length = u32::from_le_bytes(bytes[at + 16..at + 20].try_into().ok()?) as usize;
        (at + ENVELOPE + length <= bytes.len()).then_some((at, length))
    });
    whole.collect()
}

fn seal(bytes: &mut [u8], at: usize, length: usize) {
    let payload = at + ENVELOPE..at + ENVELOPE + length;
    let sum = xxh3_64(&[&bytes[at..at + 20], &bytes[payload]].concat()) as u32;
    bytes[at + 20..at + 24].copy_from_slice(&sum.to_le_bytes());
}

/// Payloads changed under checksums that are right.
fn payload(bytes: &mut [u8], random: &mut Rng) -> String {
    let chunks = chunks(bytes);
    let many = random.usize(1..6);
    for _ in 0..many {
        let Some(&(at, length)) = random.choice(&chunks) else { break };
        if length == 0 {
            continue;
        }
        let near = if random.bool() { length.min(160) } else { length };
        for _ in 0..random.usize(1..4) {
            let to = at + ENVELOPE + random.usize(..near);
            bytes[to] = extreme(random);
        }
        seal(bytes, at, length);
    }
    let _ = tree::make_right(bytes);
    format!("{many} payloads forged")
}

/// Kinds, numbers and lengths of chunks changed under checksums that are right.
fn envelope(bytes: &mut [u8], random: &mut Rng) -> String {
    let chunks = chunks(bytes);
    let many = random.usize(1..6);
    for _ in 0..many {
        let Some(&(at, length)) = random.choice(&chunks) else { break };
        let to = at + [4, 6, 7, 8, 9, 15, 16, 17][random.usize(..8)];
        bytes[to] = extreme(random);
        let told =
            u32::from_le_bytes([bytes[at + 16], bytes[at + 17], bytes[at + 18], bytes[at + 19]]);
        seal(bytes, at, (told as usize).min(length).min(bytes.len() - at - ENVELOPE));
    }
    let _ = tree::make_right(bytes);
    format!("{many} envelopes forged")
}
