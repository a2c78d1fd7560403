//! Block devices.

use super::{Names, put_number, word};

/// The kernel's own device numbers: 12 bits of major above 20 of minor.
const MINOR_BITS: u32 = 20;

/// The name of a block device: `nvme0n1`. One that is gone stays its two numbers: `259:0`.
pub fn device(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word(number) as u32;
    let (major, minor) = (number >> MINOR_BITS, number & ((1 << MINOR_BITS) - 1));
    let known = names.devices.entry(number).or_insert_with(|| {
        let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    });
    match known {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => {
            put_number(major, text);
            text.push(b':');
            put_number(minor, text);
        }
    }
}
