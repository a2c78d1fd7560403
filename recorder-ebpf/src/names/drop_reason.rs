//! Why packets are dropped: each kernel has its own list.

use super::enumeration::Enumeration;
use super::{Names, put_number, word_32};

const REASONS: Enumeration =
    Enumeration { names: &["skb_drop_reason"], prefixes: &["SKB_DROP_REASON_", "SKB_"] };

/// The name of a reason: `no_socket`, of `SKB_DROP_REASON_NO_SOCKET`. One that is not in the list,
/// as those of modules, stays a number; kernels before 5.17 have only `not_specified`.
pub fn drop_reason(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word_32(number);
    let known = names.drop_reasons.get_or_insert_with(|| REASONS.members());
    match known.get(&number) {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None if number == 2 => text.extend_from_slice(b"not_specified"),
        None => put_number(number, text),
    }
}
