//! Checksums of redb's trees made right again, as who forges a segment would: by the layout that
//! docs/format.md has.

use xxhash_rust::xxh3::xxh3_128;

const PAGE: usize = 4096;

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..size].copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
    Some(u64::from_le_bytes(word))
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    Some(number(bytes, at, 2)? as usize)
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(number(bytes, at, 4)? as usize)
}

/// Where a page lies.
fn place(bytes: &[u8], page: u64) -> Option<usize> {
    let (header, data) = (word(bytes, 16)?, word(bytes, 20)?);
    let order = page >> 59;
    let (index, region) = ((page & (0xf_ffff >> order.min(20))) as usize, (page >> 20) & 0xf_ffff);
    let start = PAGE + region as usize * (header + data) * PAGE + header * PAGE;
    let offset = start + index * (PAGE << order.min(20));
    (offset + PAGE <= bytes.len()).then_some(offset)
}

/// The leaves of a tree that begins at `page`, by where they lie.
fn leaves(bytes: &[u8], page: u64, depth: usize, found: &mut Vec<usize>) -> Option<()> {
    let at = place(bytes, page)?;
    match bytes[at] {
        1 => found.push(at),
        2 if depth > 0 => {
            let keys = half(bytes, at + 2)?;
            for child in 0..=keys {
                let page = number(bytes, at + 8 + 16 * (keys + 1) + 8 * child, 8)?;
                leaves(bytes, page, depth - 1, found)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// The checksum of a page, after those of all pages below it were made right.
fn resum(bytes: &mut [u8], page: u64, key_bytes: usize, depth: usize) -> Option<u128> {
    let at = place(bytes, page)?;
    let count = half(bytes, at + 2)?;
    let end = match bytes[at] {
        1 => word(bytes, at + 4 * count)?,
        2 if depth > 0 => {
            for child in 0..=count {
                let below = number(bytes, at + 8 + 16 * (count + 1) + 8 * child, 8)?;
                let sum = resum(bytes, below, key_bytes, depth - 1)?;
                let to = at + 8 + 16 * child;
                bytes.get_mut(to..to + 16)?.copy_from_slice(&sum.to_le_bytes());
            }
            8 + 24 * (count + 1) + key_bytes * count
        }
        _ => return None,
    };
    Some(xxh3_128(bytes.get(at..at + end)?))
}

/// The slot of the header that counts.
fn slot(bytes: &[u8]) -> usize {
    64 + 128 * usize::from(bytes[9] & 1)
}

/// Where the root of a table is told: name, place of the page number, length of keys.
type Root = (Vec<u8>, usize, usize);

/// The leaf of tables, and where their roots are told.
fn tables(bytes: &[u8]) -> Option<(usize, Vec<Root>)> {
    let leaf = place(bytes, number(bytes, slot(bytes) + 8, 8)?)?;
    let count = half(bytes, leaf + 2)?;
    let end = |at: usize| word(bytes, leaf + 4 + 4 * at);
    let start = |at: usize| if at == 0 { Some(4 + 8 * count) } else { end(at - 1) };
    let mut tables = Vec::new();
    for at in 0..count {
        let name = bytes.get(leaf + start(at)?..leaf + end(at)?)?.to_vec();
        let definition = leaf + start(count + at)?;
        tables.push((name, definition + 10, word(bytes, definition + 43)?));
    }
    Some((leaf, tables))
}

/// Where the leaves of the index lie.
pub fn index_leaves(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let tables = tables(bytes).map(|(_, tables)| tables).unwrap_or_default();
    for (name, root, _) in tables {
        if name == b"index"
            && let Some(page) = number(bytes, root, 8)
        {
            let _ = leaves(bytes, page, 8, &mut found);
        }
    }
    found
}

/// Makes every checksum of the trees right.
pub fn make_right(bytes: &mut [u8]) -> Option<()> {
    let (leaf, tables) = tables(bytes)?;
    for (_, root, key_bytes) in tables {
        let page = number(bytes, root, 8)?;
        let sum = resum(bytes, page, key_bytes, 8)?;
        bytes.get_mut(root + 8..root + 24)?.copy_from_slice(&sum.to_le_bytes());
    }
    let count = half(bytes, leaf + 2)?;
    let end = word(bytes, leaf + 4 * 2 * count)?;
    let sum = xxh3_128(bytes.get(leaf..leaf + end)?);
    let slot = slot(bytes);
    bytes[slot + 16..slot + 32].copy_from_slice(&sum.to_le_bytes());
    let sum = xxh3_128(&bytes[slot..slot + 112]);
    bytes[slot + 112..slot + 128].copy_from_slice(&sum.to_le_bytes());
    Some(())
}
