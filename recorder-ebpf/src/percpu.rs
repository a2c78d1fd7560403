//! Where the kernel's per-CPU variables are, relative to one another.
//!
//! The kernel describes its types, and with them the section of its per-CPU variables, in
//! `/sys/kernel/btf/vmlinux`. The address of one variable of a CPU and the distance between two
//! variables give the address of the other, without any symbol being looked up.

use std::path::Path;
use thiserror::Error;

/// Where the kernel describes itself.
pub(crate) const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

pub(crate) const MAGIC: u16 = 0xeb9f;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
/// All per-CPU variables, in the kernel's linker scripts.
const SECTION: &[u8] = b".data..percpu";

/// Why the description says nothing.
#[derive(Debug, Error)]
pub enum BtfError {
    /// The file cannot be read: the kernel was built without it.
    #[error("cannot read {KERNEL_BTF}: {0}")]
    Read(#[from] std::io::Error),
    /// It is of a form that is not known, or cut short.
    #[error("cannot parse {KERNEL_BTF} at byte {0}")]
    Malformed(usize),
}

/// The offsets of `names` within the section of per-CPU variables; `None` where there is no such
/// variable.
pub(crate) fn offsets<const N: usize>(names: [&str; N]) -> Result<[Option<u32>; N], BtfError> {
    offsets_in(&std::fs::read(Path::new(KERNEL_BTF))?, names)
}

/// The same, out of `btf`.
fn offsets_in<const N: usize>(btf: &[u8], names: [&str; N]) -> Result<[Option<u32>; N], BtfError> {
    if u16_at(btf, 0)? != MAGIC {
        return Err(BtfError::Malformed(0));
    }
    let header = u32_at(btf, 4)? as usize;
    let types = header + u32_at(btf, 8)? as usize;
    let types_end = types + u32_at(btf, 12)? as usize;
    let strings = header + u32_at(btf, 16)? as usize;
    let strings_end = strings + u32_at(btf, 20)? as usize;
    if btf.len() < types_end.max(strings_end) {
        return Err(BtfError::Malformed(btf.len()));
    }

    let mut ids = [None; N];
    let mut sections = Vec::new();
    let mut at = types;
    // Type 0 is void and is not written down. A section may stand before its variables.
    for id in 1_u32.. {
        if at >= types_end {
            break;
        }
        let (name, info) = (strings + u32_at(btf, at)? as usize, u32_at(btf, at + 4)?);
        let (kind, members) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        if kind == KIND_VAR {
            if let Some(which) = names.iter().position(|want| is_named(btf, name, want.as_bytes()))
            {
                ids[which] = Some(id);
            }
        } else if kind == KIND_DATASEC && is_named(btf, name, SECTION) {
            sections.extend((0..members).map(|member| at + 12 + 12 * member));
        }
        at += 12 + trailing_bytes(kind, members).ok_or(BtfError::Malformed(at))?;
    }
    let mut found = [None; N];
    for entry in sections {
        let variable = Some(u32_at(btf, entry)?);
        if let Some(which) = ids.iter().position(|id| *id == variable) {
            found[which] = Some(u32_at(btf, entry + 4)?);
        }
    }
    Ok(found)
}

/// What follows the 12 bytes that every type has; `None` for a kind that is not known.
pub(crate) fn trailing_bytes(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        // Pointers, forwards, typedefs, qualifiers, functions, floats, type tags.
        2 | 7..=12 | 16 | 18 => 0,
        // Integers, variables, declaration tags.
        1 | KIND_VAR | 17 => 4,
        // Arrays.
        3 => 12,
        // Structures, unions, sections, 64-bit enums.
        4 | 5 | KIND_DATASEC | 19 => 12 * members,
        // Enums, parameters.
        6 | 13 => 8 * members,
        _ => return None,
    })
}

pub(crate) fn is_named(btf: &[u8], at: usize, name: &[u8]) -> bool {
    let text = btf.get(at..at.saturating_add(name.len() + 1));
    text.and_then(<[u8]>::split_last).is_some_and(|(end, text)| *end == 0 && text == name)
}

pub(crate) fn u16_at(btf: &[u8], at: usize) -> Result<u16, BtfError> {
    let bytes = btf.get(at..).and_then(<[u8]>::first_chunk).ok_or(BtfError::Malformed(at))?;
    Ok(u16::from_ne_bytes(*bytes))
}

pub(crate) fn u32_at(btf: &[u8], at: usize) -> Result<u32, BtfError> {
    let bytes = btf.get(at..).and_then(<[u8]>::first_chunk).ok_or(BtfError::Malformed(at))?;
    Ok(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{BtfError, offsets_in};

    /// An integer, a structure, two variables and the section that they are in, which stands before
    /// the second one.
    fn description() -> Vec<u8> {
        let strings = b"\0one\0two\0.data..percpu\0";
        let mut types: Vec<u32> = Vec::new();
        types.extend([1, 1 << 24, 4, 32]); // 1: an integer
        types.extend([1, 14 << 24, 1, 0]); // 2: variable "one"
        types.extend([0, 4 << 24 | 2, 8, 0, 1, 0, 0, 1, 32]); // 3: a structure of two
        types.extend([9, 15 << 24 | 2, 64, 5, 16, 4, 2, 48, 4]); // 4: the section
        types.extend([5, 14 << 24, 1, 0]); // 5: variable "two"
        let type_bytes = types.len() as u32 * 4;
        let header = [1 << 16 | 0xeb9f, 24, 0, type_bytes, type_bytes, strings.len() as u32];
        let words = header.iter().chain(&types).flat_map(|word: &u32| word.to_ne_bytes());
        words.chain(*strings).collect()
    }

    #[test]
    fn variables_are_found_by_their_whole_name() {
        let btf = description();
        assert_eq!(
            offsets_in(&btf, ["two", "one", "tw", "three"]).unwrap(),
            [Some(16), Some(48), None, None]
        );
    }

    #[test]
    fn a_description_that_is_cut_short_or_strange_is_told_as_such() {
        let btf = description();
        for length in 0..btf.len() {
            let cut = offsets_in(&btf[..length], ["one"]);
            assert!(matches!(cut, Err(BtfError::Malformed(_))), "cut at {length}: {cut:?}");
        }
        let mut strange = btf;
        strange[24 + 7] = 31; // the kind of the first type
        let strange = offsets_in(&strange, ["one"]);
        assert!(matches!(strange, Err(BtfError::Malformed(24))), "{strange:?}");
    }
}
