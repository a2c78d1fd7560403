//! Numbers that take as many bytes as they need.

use crate::narrow::low_byte;

/// Appends `value`, seven bits a byte, least first (LEB128).
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}
