//! A family of generic netlink (`linux/genetlink.h`), asked with one attribute and answered before
//! `send` returns.

use nodemon_recorder_ebpf::netlink::{self, Attributes, Message, Messages, u16_at, u32_at};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{netlink as protocol, recv, send, socket_with};

const CONTROL_FAMILY: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// `struct genlmsghdr`, in front of the attributes.
const GENERIC_BYTES: usize = 4;
/// Larger than any answer that is asked for here.
const ANSWER_BYTES: usize = 4096;

/// A socket to one family of generic netlink.
#[derive(Debug)]
pub struct Family {
    socket: OwnedFd,
    id: u16,
    sequence: u32,
    request: Vec<u8>,
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
            Some(protocol::GENERIC),
        )?;
        let answer = Box::new([0; ANSWER_BYTES]);
        let mut family =
            Family { socket, id: CONTROL_FAMILY, sequence: 0, request: Vec::new(), answer };
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
        let generic = [command, 1, 0, 0]; // struct genlmsghdr, version 1
        let padding = value.len().next_multiple_of(4) - value.len();
        let message = netlink::attribute_header(attribute, value.len()).and_then(|header| {
            let parts = [&generic[..], &header, value, &[0; 3][..padding]];
            netlink::request(&mut self.request, self.id, 0, self.sequence, &parts)
        });
        message.map_err(|_| Errno::MSGSIZE)?;
        send(&self.socket, &self.request, SendFlags::empty())?;
        loop {
            let (_, length) = recv(&self.socket, &mut self.answer[..], RecvFlags::DONTWAIT)?;
            // An answer to a question that was given up is passed over.
            if u32_at(&self.answer[..], 8) == Some(self.sequence) {
                let answer = self.answer.get(..length).ok_or(Errno::MSGSIZE)?;
                return answered(&Messages(answer).next().ok_or(Errno::PROTO)?);
            }
        }
    }
}

/// The attributes of an answer, or the error that it is.
fn answered<'a>(message: &Message<'a>) -> Result<&'a [u8], Errno> {
    match message.end() {
        Some(Err(error)) => Err(Errno::from_io_error(&error).unwrap_or(Errno::PROTO)),
        Some(Ok(())) => Err(Errno::PROTO),
        None => message.body.get(GENERIC_BYTES..).ok_or(Errno::PROTO),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Errno, Family};

    #[test]
    fn the_control_family_is_always_there_and_an_unknown_name_is_not() {
        let control = Family::open(b"nlctrl\0").unwrap();
        assert_eq!(control.id, super::CONTROL_FAMILY);
        assert_eq!(Family::open(b"nodemon?\0").unwrap_err(), Errno::NOENT);
    }
}
