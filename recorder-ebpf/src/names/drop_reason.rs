//! Why packets are dropped: each kernel has its own list, which it describes in its types.

use super::{Names, put_number, word};
use crate::heap;
use crate::percpu::{BtfError, KERNEL_BTF, MAGIC, is_named, trailing_bytes, u16_at, u32_at};
use std::collections::HashMap;

const KIND_ENUM: u32 = 6;
const ENUM: &[u8] = b"skb_drop_reason";
const PREFIXES: [&str; 2] = ["SKB_DROP_REASON_", "SKB_"];

/// The name of a reason: `no_socket`, of `SKB_DROP_REASON_NO_SOCKET`. One that is not in the list,
/// as those of modules, stays a number; kernels before 5.17 have only `not_specified`.
pub fn drop_reason(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word(number) as u32;
    let known = names.drop_reasons.get_or_insert_with(|| {
        let known = reasons().unwrap_or_default();
        heap::give_back();
        known
    });
    match known.get(&number) {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None if number == 2 => text.extend_from_slice(b"not_specified"),
        None => put_number(number, text),
    }
}

/// The list of this kernel.
fn reasons() -> Result<HashMap<u32, String>, BtfError> {
    reasons_in(&std::fs::read(KERNEL_BTF)?)
}

fn reasons_in(btf: &[u8]) -> Result<HashMap<u32, String>, BtfError> {
    if u16_at(btf, 0)? != MAGIC {
        return Err(BtfError::Malformed(0));
    }
    let header = u32_at(btf, 4)? as usize;
    let mut at = header + u32_at(btf, 8)? as usize;
    let types_end = at + u32_at(btf, 12)? as usize;
    let strings = header + u32_at(btf, 16)? as usize;
    let strings_end = strings + u32_at(btf, 20)? as usize;
    if btf.len() < types_end.max(strings_end) {
        return Err(BtfError::Malformed(btf.len()));
    }
    while at < types_end {
        let (name, info) = (strings + u32_at(btf, at)? as usize, u32_at(btf, at + 4)?);
        let (kind, members) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        if kind == KIND_ENUM && is_named(btf, name, ENUM) {
            let members = (0..members).map(|member| {
                let member = at + 12 + 8 * member;
                let name = text_at(btf, strings + u32_at(btf, member)? as usize)?;
                Ok((u32_at(btf, member + 4)?, name))
            });
            return members.collect();
        }
        at += 12 + trailing_bytes(kind, members).ok_or(BtfError::Malformed(at))?;
    }
    Ok(HashMap::new())
}

/// A name, as people see it.
fn text_at(btf: &[u8], at: usize) -> Result<String, BtfError> {
    let rest = btf.get(at..).ok_or(BtfError::Malformed(at))?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or(BtfError::Malformed(at))?;
    let name = String::from_utf8_lossy(&rest[..end]);
    let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
    Ok(bare.unwrap_or(&name).to_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::reasons_in;

    #[test]
    fn reasons_are_those_of_the_kernels_own_list() {
        let strings = b"\0skb_drop_reason\0SKB_CONSUMED\0SKB_DROP_REASON_NO_SOCKET\0";
        let types: [u32; 11] = [0, 1 << 24, 4, 32, 1, 6 << 24 | 2, 4, 17, 1, 30, 3];
        let type_bytes = types.len() as u32 * 4;
        let header = [1 << 16 | 0xeb9f, 24, 0, type_bytes, type_bytes, strings.len() as u32];
        let words = header.iter().chain(&types).flat_map(|word: &u32| word.to_ne_bytes());
        let btf: Vec<u8> = words.chain(*strings).collect();
        let reasons = reasons_in(&btf).unwrap();
        assert_eq!((reasons[&1].as_str(), reasons[&3].as_str()), ("consumed", "no_socket"));
        assert_eq!(reasons.len(), 2);
        for length in 0..btf.len() {
            assert!(reasons_in(&btf[..length]).is_err(), "cut at {length}");
        }
    }
}
