//! Network interfaces.

use super::{Names, put_number, word_32};

/// The name of an interface: `eth0`. One that is gone, or in another namespace, stays a number.
pub fn interface(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let index = word_32(number);
    let known = names.interfaces.entry(index).or_insert_with(|| look_up(index));
    match known {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => put_number(index, text),
    }
}

fn look_up(index: u32) -> Option<String> {
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None);
    rustix::net::netdevice::index_to_name(socket.ok()?, index).ok()
}
