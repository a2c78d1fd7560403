//! What the loader does not ask the kernel about interfaces (rtnetlink): which there are, whether
//! that has changed, and to take a qdisc away.
//!
//! The numbers and layouts are those of `linux/netlink.h`, `linux/rtnetlink.h` and
//! `linux/pkt_sched.h`. Messages are put together and taken apart as bytes.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_DELQDISC: u16 = 37;
const RTM_NEWTFILTER: u16 = 44;
const RTM_GETTFILTER: u16 = 46;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
/// What is listed has changed meanwhile.
const NLM_F_DUMP_INTR: u16 = 0x10;
const RTMGRP_LINK: u32 = 1;
const IFLA_IFNAME: u16 = 3;

const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// The parents of filters of both directions.
const CLSACT_PARENTS: [u32; 2] = [0xffff_fff2, 0xffff_fff3];

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_BYTES: usize = 4;
/// The kernel fills at most 32 kB at once.
const BUFFER_BYTES: usize = 64 << 10;

/// How often interfaces are listed while others make and remove some.
const LISTINGS: usize = 5;

/// Tells whether interfaces have come, gone or changed.
pub struct LinkMonitor(OwnedFd);

impl LinkMonitor {
    /// Listens from now on, in the network namespace of this thread.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new() -> io::Result<LinkMonitor> {
        let socket = open(SocketFlags::NONBLOCK)?;
        bind(&socket, &SocketAddrNetlink::new(0, RTMGRP_LINK))?;
        Ok(LinkMonitor(socket))
    }

    /// Whether there is something new since this was asked before. One system call where there is
    /// nothing.
    pub fn is_new(&self) -> bool {
        let mut buffer = [0_u8; 64];
        let mut is_new = false;
        loop {
            match recv(&self.0, &mut buffer, RecvFlags::empty()) {
                // What it says does not matter: all are asked for.
                Ok(_) => is_new = true,
                Err(rustix::io::Errno::INTR) => {}
                // So much happened that some of it was not kept.
                Err(rustix::io::Errno::NOBUFS) => is_new = true,
                Err(_) => return is_new,
            }
        }
    }
}

/// Numbers and names of all interfaces.
///
/// # Errors
/// The kernel's.
pub fn interfaces() -> io::Result<Vec<(u32, String)>> {
    for _ in 1..LISTINGS {
        match list() {
            // Others came and went while it was made, and it may lack some that were there.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            listed => return listed,
        }
    }
    list()
}

fn list() -> io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    let link = [0_u8; 16]; // struct ifinfomsg: of any kind
    ask(RTM_GETLINK, NLM_F_DUMP, &link, |kind, body| {
        if kind != RTM_NEWLINK {
            return;
        }
        let (Some(index), Some(name)) = (u32_at(body, 4), attribute(body, 16, IFLA_IFNAME)) else {
            return;
        };
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        found.push((index, String::from_utf8_lossy(name).into_owned()));
    })?;
    Ok(found)
}

/// Whether an interface has filters in its clsact qdisc.
///
/// # Errors
/// The kernel's.
pub fn has_filters(interface: u32) -> io::Result<bool> {
    let mut has_some = false;
    for parent in CLSACT_PARENTS {
        ask(RTM_GETTFILTER, NLM_F_DUMP, &traffic_control(interface, 0, parent), |kind, _| {
            has_some |= kind == RTM_NEWTFILTER;
        })?;
    }
    Ok(has_some)
}

/// Takes the clsact qdisc of an interface away, and all filters in it.
///
/// # Errors
/// The kernel's.
pub fn remove_clsact(interface: u32) -> io::Result<()> {
    ask(RTM_DELQDISC, NLM_F_ACK, &traffic_control(interface, CLSACT_HANDLE, TC_H_CLSACT), |_, _| {})
}

/// `struct tcmsg`.
fn traffic_control(interface: u32, handle: u32, parent: u32) -> [u8; 20] {
    let mut message = [0; 20];
    for (at, word) in [(4, interface), (8, handle), (12, parent)] {
        message[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    message
}

fn open(flags: SocketFlags) -> io::Result<OwnedFd> {
    // The protocol is 0, NETLINK_ROUTE.
    let flags = flags | SocketFlags::CLOEXEC;
    Ok(socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?)
}

/// Asks, and hands out the type and the body of each message of the answer.
fn ask(kind: u16, flags: u16, body: &[u8], mut answer: impl FnMut(u16, &[u8])) -> io::Result<()> {
    let socket = open(SocketFlags::empty())?;
    let mut request = Vec::with_capacity(HEADER_BYTES + body.len());
    request.extend(u32::try_from(HEADER_BYTES + body.len()).unwrap_or(0).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    request.extend([0; 8]); // a number, and to whom: the kernel
    request.extend(body);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (_, received) = match recv(&socket, &mut buffer, RecvFlags::empty()) {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let mut rest = buffer.get(..received).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some((kind, body, next)) = message(rest) {
            if u16_at(rest, 6).is_some_and(|flags| flags & NLM_F_DUMP_INTR != 0) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            rest = next;
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return result(body),
                kind => answer(kind, body),
            }
        }
    }
}

/// The first message of `bytes`: its type, its body, and what is behind it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let body = bytes.get(HEADER_BYTES..length)?;
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((u16_at(bytes, 4)?, body, next))
}

/// What the kernel answered: a negative number, or 0.
fn result(body: &[u8]) -> io::Result<()> {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// An attribute of a message whose attributes begin after so many bytes.
fn attribute(body: &[u8], from: usize, wanted: u16) -> Option<&[u8]> {
    let mut rest = body.get(from..)?;
    loop {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(ATTRIBUTE_BYTES..length)?;
        if u16_at(rest, 2)? == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{attribute, interfaces, message};

    #[test]
    fn messages_that_are_cut_short_are_none() {
        let mut bytes = [0; 24];
        bytes[0] = 20;
        bytes[4] = 3;
        assert_eq!(message(&bytes).unwrap(), (3, &bytes[16..20], &bytes[20..]));
        for length in 0..20 {
            assert!(message(&bytes[..length]).is_none(), "{length}");
        }
        bytes[0] = 15; // less than its header
        assert!(message(&bytes).is_none());
        assert_eq!(
            attribute(&[8, 0, 1, 0, 9, 9, 9, 9, 6, 0, 3, 0, b'a', 0], 0, 3),
            Some(&b"a\0"[..])
        );
        assert_eq!(attribute(&[0, 0, 1, 0, 9, 9, 9, 9], 0, 3), None);
        assert_eq!(attribute(&[9, 0, 3, 0, 9, 9, 9, 9], 0, 3), None);
    }

    #[test]
    fn the_loopback_interface_is_found() {
        assert!(interfaces().unwrap().contains(&(1, "lo".to_owned())));
    }
}
