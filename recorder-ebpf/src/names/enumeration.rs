//! Enumerations of the kernel, which it describes in its types: what a number is called differs from
//! one to the next.

use crate::percpu::{BtfError, KERNEL_BTF, MAGIC, is_named, trailing_bytes, u16_at, u32_at};
use std::collections::HashMap;

const KIND_ENUM: u32 = 6;

/// One that has had several names, best first, with what its members begin with.
pub struct Enumeration {
    /// The names: `skb_drop_reason`.
    pub names: &'static [&'static str],
    /// What is taken off the names of its members.
    pub prefixes: &'static [&'static str],
}

impl Enumeration {
    /// Its members in this kernel, by their values; none where it does not have it.
    pub fn members(&self) -> HashMap<u32, String> {
        let members = std::fs::read(KERNEL_BTF).map_err(BtfError::from).and_then(|btf| {
            let mut found = HashMap::new();
            for name in self.names {
                found = self.members_in(&btf, name)?;
                if !found.is_empty() {
                    break;
                }
            }
            Ok(found)
        });
        crate::allocator::give_back();
        members.unwrap_or_default()
    }

    fn members_in(&self, btf: &[u8], enumeration: &str) -> Result<HashMap<u32, String>, BtfError> {
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
            if kind == KIND_ENUM && is_named(btf, name, enumeration.as_bytes()) {
                let members = (0..members).map(|member| {
                    let member = at + 12 + 8 * member;
                    let name = self.text_at(btf, strings + u32_at(btf, member)? as usize)?;
                    Ok((u32_at(btf, member + 4)?, name))
                });
                return members.collect();
            }
            at += 12 + trailing_bytes(kind, members).ok_or(BtfError::Malformed(at))?;
        }
        Ok(HashMap::new())
    }

    /// A name, as people see it.
    fn text_at(&self, btf: &[u8], at: usize) -> Result<String, BtfError> {
        let rest = btf.get(at..).ok_or(BtfError::Malformed(at))?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or(BtfError::Malformed(at))?;
        let name = String::from_utf8_lossy(&rest[..end]);
        let bare = self.prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
        Ok(bare.unwrap_or(&name).to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Enumeration;

    #[test]
    fn members_are_those_of_the_kernels_own_list() {
        let strings = b"\0skb_drop_reason\0SKB_CONSUMED\0SKB_DROP_REASON_NO_SOCKET\0";
        let types: [u32; 11] = [0, 1 << 24, 4, 32, 1, 6 << 24 | 2, 4, 17, 1, 30, 3];
        let type_bytes = types.len() as u32 * 4;
        let header = [1 << 16 | 0xeb9f, 24, 0, type_bytes, type_bytes, strings.len() as u32];
        let words = header.iter().chain(&types).flat_map(|word: &u32| word.to_ne_bytes());
        let btf: Vec<u8> = words.chain(*strings).collect();
        let reasons = Enumeration { names: &[], prefixes: &["SKB_DROP_REASON_", "SKB_"] };
        let members = reasons.members_in(&btf, "skb_drop_reason").unwrap();
        assert_eq!((members[&1].as_str(), members[&3].as_str()), ("consumed", "no_socket"));
        assert_eq!(members.len(), 2);
        assert!(reasons.members_in(&btf, "req_op").unwrap().is_empty());
        for length in 0..btf.len() {
            let cut = reasons.members_in(&btf[..length], "skb_drop_reason");
            assert!(cut.is_err(), "cut at {length}");
        }
    }
}
