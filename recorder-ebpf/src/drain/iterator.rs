//! What an iterator's program writes while its file is read.

use crate::sys;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What one read takes at most: the kernel gathers up to 8 pages.
const READ_BYTES: usize = 64 << 10;

/// An iterator that is read as a whole, again and again.
pub struct Iterator {
    link: OwnedFd,
    size_bytes: usize,
    buffer: Vec<u8>,
}

impl Iterator {
    /// Reads structures of `size_bytes` from the iterator of `link`.
    pub fn new(link: OwnedFd, size_bytes: usize) -> Iterator {
        Iterator { link, size_bytes: size_bytes.max(1), buffer: vec![0; READ_BYTES] }
    }

    /// Hands out every structure.
    pub fn each(&mut self, mut structure: impl FnMut(&[u8])) -> io::Result<()> {
        let size_bytes = self.size_bytes;
        read_through(self.link.as_fd(), &mut self.buffer, |bytes| {
            let whole = bytes.len() - bytes.len() % size_bytes;
            bytes[..whole].chunks_exact(size_bytes).for_each(&mut structure);
            Ok(whole)
        })
    }
}

/// Runs the iterator of `link` once and has everything that it writes taken, which says how many of
/// the bytes it took; the others come again with what follows them.
///
/// # Errors
/// What the kernel answered, or whoever took the bytes.
pub(crate) fn read_through(
    link: BorrowedFd<'_>,
    buffer: &mut [u8],
    mut take: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let mut file = File::from(sys::open_iterator(link)?);
    let mut filled = 0;
    loop {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(more) => filled += more,
            // The kernel's buffer is full in the midst of an object, or so many objects wrote nothing
            // that it takes a breath; it goes on.
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let taken = take(&buffer[..filled])?;
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
    }
}
