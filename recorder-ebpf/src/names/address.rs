//! Addresses of the Internet Protocol.

use super::{Names, put_number};
use std::net::Ipv6Addr;

/// An address of 16 bytes: `192.0.2.1` of version 4 (mapped into version 6), `2001:db8::1`.
pub fn address(_: &mut Names, bytes: &[u8], text: &mut Vec<u8>) {
    if let Some(bytes) = bytes.first_chunk::<16>() {
        put_address(*bytes, text);
    }
}

/// An address of 16 bytes and a port of 2 in the order of the machine: `192.0.2.1:80`,
/// `[2001:db8::1]:80`.
pub fn endpoint(_: &mut Names, bytes: &[u8], text: &mut Vec<u8>) {
    let (Some(address), Some(port)) =
        (bytes.first_chunk::<16>(), bytes.get(16..).and_then(<[u8]>::first_chunk::<2>))
    else {
        return;
    };
    let is_version_4 = Ipv6Addr::from(*address).to_ipv4_mapped().is_some();
    if !is_version_4 {
        text.push(b'[');
    }
    put_address(*address, text);
    text.extend_from_slice(if is_version_4 { b":" } else { b"]:" });
    put_number(u16::from_le_bytes(*port), text);
}

fn put_address(bytes: [u8; 16], text: &mut Vec<u8>) {
    let address = Ipv6Addr::from(bytes);
    match address.to_ipv4_mapped() {
        Some(version_4) => put_number(version_4, text),
        None => put_number(address, text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, endpoint};
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn addresses_of_both_versions_are_written_as_people_write_them() {
        let text = |address: Ipv6Addr, port: u16| {
            let mut bytes = address.octets().to_vec();
            bytes.extend(port.to_le_bytes());
            let mut text = Vec::new();
            endpoint(&mut Names::default(), &bytes, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        };
        assert_eq!(text(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 80), "127.0.0.1:80");
        assert_eq!(text(Ipv6Addr::LOCALHOST, 8080), "[::1]:8080");
    }
}
