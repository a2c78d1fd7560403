//! As much of generic netlink (netlink(7)) as a question with one number needs: messages of
//! 4-aligned attributes, answered before `send` returns.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{netlink, recv, send, socket_with};

const ERROR_MESSAGE: u16 = 2;
const REQUEST_FLAG: u16 = 1;
const CONTROL_FAMILY: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// `nlmsghdr` and `genlmsghdr`.
const HEADER_BYTES: usize = 20;
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// Larger than any answer that is asked for here.
const ANSWER_BYTES: usize = 4096;

/// A socket to one family of generic netlink.
#[derive(Debug)]
pub struct Family {
    socket: OwnedFd,
    id: u16,
    sequence: u32,
    request: [u8; 64],
    answer: Box<[u8; ANSWER_BYTES]>,
}

impl Family {
    /// Finds the family called `name`.
    ///
    /// # Errors
    /// `NOENT` when this kernel does not have it; what the socket answered otherwise.
    pub fn open(name: &[u8]) -> Result<Family, Errno> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::GENERIC),
        )?;
        let answer = Box::new([0; ANSWER_BYTES]);
        let mut family =
            Family { socket, id: CONTROL_FAMILY, sequence: 0, request: [0; 64], answer };
        let attributes = family.ask(GET_FAMILY, FAMILY_NAME, name)?;
        let id = Attributes(attributes).find(|&(kind, _)| kind == FAMILY_ID);
        let id = id.and_then(|(_, value)| u16_at(value, 0)).ok_or(Errno::NOENT)?;
        family.id = id;
        Ok(family)
    }

    /// Sends `command` with one attribute and returns the attributes of the answer.
    ///
    /// # Errors
    /// What the kernel answered; `PROTO` when the answer cannot be understood.
    pub fn ask(&mut self, command: u8, attribute: u16, value: &[u8]) -> Result<&[u8], Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let attribute_bytes = ATTRIBUTE_HEADER_BYTES + value.len();
        let total = HEADER_BYTES + attribute_bytes.next_multiple_of(4);
        let request = self.request.get_mut(..total).ok_or(Errno::MSGSIZE)?;
        request.fill(0);
        let mut rest = &mut request[..];
        put(&mut rest, &(total as u32).to_ne_bytes());
        put(&mut rest, &self.id.to_ne_bytes());
        put(&mut rest, &REQUEST_FLAG.to_ne_bytes());
        put(&mut rest, &self.sequence.to_ne_bytes());
        put(&mut rest, &[0; 4]);
        put(&mut rest, &[command, 1, 0, 0]);
        put(&mut rest, &(attribute_bytes as u16).to_ne_bytes());
        put(&mut rest, &attribute.to_ne_bytes());
        put(&mut rest, value);
        send(&self.socket, request, SendFlags::empty())?;
        loop {
            let (_, length) = recv(&self.socket, &mut self.answer[..], RecvFlags::DONTWAIT)?;
            // An answer to a question that was given up is passed over.
            if u32_at(&self.answer[..], 8) == Some(self.sequence) {
                return answered(self.answer.get(..length).ok_or(Errno::MSGSIZE)?);
            }
        }
    }
}

/// The attributes of an answer, or the error that it is.
fn answered(message: &[u8]) -> Result<&[u8], Errno> {
    if u16_at(message, 4) == Some(ERROR_MESSAGE) {
        let code = u32_at(message, 16).map(u32::cast_signed).ok_or(Errno::PROTO)?;
        return Err(Errno::from_raw_os_error(code.checked_neg().unwrap_or(0)));
    }
    let length = u32_at(message, 0).ok_or(Errno::PROTO)? as usize;
    message.get(HEADER_BYTES..length).ok_or(Errno::PROTO)
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
        let value = self.0.get(ATTRIBUTE_HEADER_BYTES..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((place, after)) = std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        place.copy_from_slice(bytes);
        *rest = after;
    }
}

/// The number of the machine's byte order at `at`.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The number of the machine's byte order at `at`.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Attributes, Errno, Family, answered};
    use proptest::prelude::*;

    #[test]
    fn the_control_family_is_always_there_and_an_unknown_name_is_not() {
        let control = Family::open(b"nlctrl\0").unwrap();
        assert_eq!(control.id, super::CONTROL_FAMILY);
        assert_eq!(Family::open(b"nodemon?\0").unwrap_err(), Errno::NOENT);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(message: Vec<u8>) {
            if let Ok(attributes) = answered(&message) {
                prop_assert!(Attributes(attributes).count() <= attributes.len() / 4);
            }
            Attributes(&message).count();
        }
    }
}
