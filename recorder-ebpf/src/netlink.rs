//! The messages of netlink(7), as bytes: a header, a body, and attributes aligned to 4 bytes. What
//! they say is known to who asks.
//!
//! The numbers and layouts are those of `linux/netlink.h`.

use std::io;

/// `NLM_F_REQUEST`.
pub const REQUEST: u16 = 1;
/// `NLM_F_ACK`: an answer also where nothing went wrong.
pub const ACK: u16 = 4;
/// `NLM_F_DUMP`: all that there are.
pub const DUMP: u16 = 0x300;
/// `NLM_F_DUMP_INTR`: what is listed has changed meanwhile.
pub const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLMSG_ERROR`: what went wrong, or 0.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the last message of a list.
const DONE: u16 = 3;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `struct nlattr`.
const ATTRIBUTE_BYTES: usize = 4;

/// Puts a message into `out`, in place of what is there: its body is the `parts` one after the other.
///
/// # Errors
/// When it is too long for any message.
pub fn request(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    parts: &[&[u8]],
) -> io::Result<()> {
    let length = HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.clear();
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend((REQUEST | flags).to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]); // to whom: the kernel
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// The header of an attribute of `size_bytes` bytes.
///
/// # Errors
/// When no attribute is so long.
pub fn attribute_header(kind: u16, size_bytes: usize) -> io::Result<[u8; 4]> {
    let length = u16::try_from(ATTRIBUTE_BYTES + size_bytes);
    let [a, b] = length.map_err(|_| io::ErrorKind::InvalidInput)?.to_ne_bytes();
    let [c, d] = kind.to_ne_bytes();
    Ok([a, b, c, d])
}

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// That of the request which it answers.
    pub sequence: u32,
    /// What is behind the header.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// Whether it ends the answer: with nothing more to say, or with an error.
    pub fn end(&self) -> Option<io::Result<()>> {
        match self.kind {
            DONE => Some(Ok(())),
            ERROR => Some(match u32_at(self.body, 0).map(u32::cast_signed) {
                Some(0) => Ok(()),
                Some(error) => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
                None => Err(io::ErrorKind::InvalidData.into()),
            }),
            _ => None,
        }
    }
}

/// The messages in what was received. Ends where the bytes make no sense any more.
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = u32_at(self.0, 0)? as usize;
        let body = self.0.get(HEADER_BYTES..length)?;
        let (kind, flags) = (u16_at(self.0, 4)?, u16_at(self.0, 6)?);
        let sequence = u32_at(self.0, 8)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, flags, sequence, body })
    }
}

/// Type and value of each attribute. Ends where the bytes make no sense any more.
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        /// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER` say how the value is written.
        const TYPE_MASK: u16 = 0x3fff;
        let length = usize::from(u16_at(self.0, 0)?);
        let kind = u16_at(self.0, 2)? & TYPE_MASK;
        let value = self.0.get(ATTRIBUTE_BYTES..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// The number of the machine's byte order at `at`.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The number of the machine's byte order at `at`.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The number of the machine's byte order at `at`.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Attributes, Message, Messages, attribute_header, request};
    use proptest::prelude::*;

    #[test]
    fn what_is_cut_short_or_shorter_than_its_header_is_nothing() {
        let mut bytes = [0; 24];
        bytes[0] = 20;
        bytes[4] = 3;
        let first = Messages(&bytes).next().unwrap();
        assert_eq!(first, Message { kind: 3, flags: 0, sequence: 0, body: &bytes[16..20] });
        for length in 0..20 {
            assert_eq!(Messages(&bytes[..length]).next(), None, "{length}");
        }
        bytes[0] = 15;
        assert_eq!(Messages(&bytes).next(), None);
        for cut in [&[0, 0, 1, 0, 9, 9, 9, 9][..], &[9, 0, 3, 0, 9, 9, 9, 9]] {
            assert_eq!(Attributes(cut).next(), None, "{cut:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_taken_apart_again(
            (kind, flags, sequence) in any::<(u16, u16, u32)>(),
            attributes in prop::collection::vec((0..0x4000u16, prop::collection::vec(any::<u8>(), 0..9)), 0..5),
        ) {
            let mut body = Vec::new();
            for (kind, value) in &attributes {
                body.extend(attribute_header(*kind, value.len()).unwrap());
                body.extend(value);
                body.resize(body.len().next_multiple_of(4), 0);
            }
            let mut bytes = vec![7; 3];
            request(&mut bytes, kind, flags, sequence, &[&body[..body.len() / 2], &body[body.len() / 2..]]).unwrap();
            let message = Messages(&bytes).next().unwrap();
            let expected = Message { kind, flags: flags | super::REQUEST, sequence, body: &body };
            prop_assert_eq!(message, expected);
            let read: Vec<_> = Attributes(message.body).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(read, attributes);
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(bytes: Vec<u8>) {
            for message in Messages(&bytes) {
                message.end();
                prop_assert!(Attributes(message.body).count() <= message.body.len() / 4);
            }
            prop_assert!(Messages(&bytes).count() <= bytes.len() / 16);
        }
    }
}
