//! What the loader does not ask the kernel about interfaces (rtnetlink): which there are, whether
//! that has changed, and to take a qdisc away.
//!
//! The numbers and layouts are those of `linux/rtnetlink.h` and `linux/pkt_sched.h`.

use crate::netlink::{self, Attributes, Messages, u32_at};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_DELQDISC: u16 = 37;
const RTM_NEWTFILTER: u16 = 44;
const RTM_GETTFILTER: u16 = 46;
const RTMGRP_LINK: u32 = 1;
const IFLA_IFNAME: u16 = 3;

const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// The parents of filters of both directions.
const CLSACT_PARENTS: [u32; 2] = [0xffff_fff2, 0xffff_fff3];

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
    ask(RTM_GETLINK, netlink::DUMP, &link, |kind, body| {
        if kind != RTM_NEWLINK {
            return;
        }
        let (Some(index), Some(name)) = (u32_at(body, 4), name_of(body)) else {
            return;
        };
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        found.push((index, String::from_utf8_lossy(name).into_owned()));
    })?;
    Ok(found)
}

/// What an interface is called, of a message about it.
fn name_of(body: &[u8]) -> Option<&[u8]> {
    let mut attributes = Attributes(body.get(16..)?); // behind struct ifinfomsg
    attributes.find_map(|(kind, value)| (kind == IFLA_IFNAME).then_some(value))
}

/// Whether an interface has filters in its clsact qdisc.
///
/// # Errors
/// The kernel's.
pub fn has_filters(interface: u32) -> io::Result<bool> {
    let mut has_some = false;
    for parent in CLSACT_PARENTS {
        ask(RTM_GETTFILTER, netlink::DUMP, &traffic_control(interface, 0, parent), |kind, _| {
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
    ask(
        RTM_DELQDISC,
        netlink::ACK,
        &traffic_control(interface, CLSACT_HANDLE, TC_H_CLSACT),
        |_, _| {},
    )
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
    let mut request = Vec::new();
    netlink::request(&mut request, kind, flags, 0, &[body])?;
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (_, received) = match recv(&socket, &mut buffer, RecvFlags::empty()) {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let received = buffer.get(..received).unwrap_or_default();
        if received.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in Messages(received) {
            if message.flags & netlink::DUMP_INTERRUPTED != 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match message.end() {
                Some(result) => return result,
                None => answer(message.kind, message.body),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::interfaces;

    #[test]
    fn the_loopback_interface_is_found() {
        assert!(interfaces().unwrap().contains(&(1, "lo".to_owned())));
    }
}
