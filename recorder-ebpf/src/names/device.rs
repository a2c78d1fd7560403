//! Block devices.

use super::enumeration::Enumeration;
use super::{Names, put_number, word_32};

/// The kernel's own device numbers: 12 bits of major above 20 of minor.
const MINOR_BITS: u32 = 20;

/// What block devices are asked to do: `enum req_op`, before 6.0 `enum req_opf`. Beside the first
/// ones, numbers mean other things in other kernels.
const OPERATIONS: Enumeration =
    Enumeration { names: &["req_op", "req_opf"], prefixes: &["REQ_OP_"] };
const FIRST_OPERATIONS: [&str; 4] = ["read", "write", "flush", "discard"];

/// The errors that `blk_status_t` stands for, from 1 on.
const STATUSES: &[i32] = &[
    libc::EOPNOTSUPP,
    libc::ETIMEDOUT,
    libc::ENOSPC,
    libc::ENOLINK,
    libc::EREMOTEIO,
    libc::EBADE,
    libc::ENODATA,
    libc::EILSEQ,
    libc::ENOMEM,
    libc::EIO,
];

/// Why a request to a block device failed: `ETIMEDOUT`. The kernel says it as `blk_status_t`, before
/// 5.16 as an error; 0 is none and leaves no text.
pub fn block_error(names: &mut Names, status: &[u8], text: &mut Vec<u8>) {
    let status = word_32(status).cast_signed();
    let known =
        usize::try_from(status).ok().and_then(|status| STATUSES.get(status.checked_sub(1)?));
    let error = match status {
        0 => return,
        1.. => -known.copied().unwrap_or(libc::EIO),
        error => error,
    };
    super::error(names, &error.to_le_bytes(), text);
}

/// The name of what a block device was asked to do: `read`. One that has none stays a number.
pub fn block_operation(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word_32(number);
    if let Some(name) = FIRST_OPERATIONS.get(number as usize) {
        return text.extend_from_slice(name.as_bytes());
    }
    let known = names.block_operations.get_or_insert_with(|| OPERATIONS.members());
    match known.get(&number) {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => put_number(number, text),
    }
}

/// The name of a block device: `nvme0n1`. One that is gone stays its two numbers: `259:0`.
pub fn device(names: &mut Names, number: &[u8], text: &mut Vec<u8>) {
    let number = word_32(number);
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

#[cfg(test)]
mod tests {
    use super::{Names, block_error, block_operation};

    #[test]
    fn operations_have_names_also_where_kernels_number_them_differently() {
        let mut name = |number: u32| {
            let mut text = Vec::new();
            block_operation(&mut Names::default(), &number.to_le_bytes(), &mut text);
            String::from_utf8_lossy(&text).into_owned()
        };
        assert_eq!([0, 1, 2, 3].map(&mut name), ["read", "write", "flush", "discard"]);
        // Every kernel has it here; without its types it is a number.
        assert!(["write_zeroes", "9"].contains(&name(9).as_str()), "{}", name(9));
        assert_eq!(name(250), "250");
    }

    #[test]
    fn why_a_request_failed_is_the_same_in_old_and_new_kernels() {
        for (status, name) in [(0, ""), (2, "ETIMEDOUT"), (10, "EIO"), (99, "EIO"), (-5, "EIO")] {
            let mut text = Vec::new();
            block_error(&mut Names::default(), &i32::to_le_bytes(status), &mut text);
            assert_eq!(text, name.as_bytes());
        }
    }
}
