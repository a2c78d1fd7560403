//! What an iterator's program writes while its file is read.

use crate::sys;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

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
        let mut file = File::from(sys::open_iterator(self.link.as_fd())?);
        let mut filled = 0;
        loop {
            match file.read(&mut self.buffer[filled..]) {
                Ok(0) => return Ok(()),
                Ok(more) => filled += more,
                // The kernel's buffer was full in the midst of an object; it goes on.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let whole = filled - filled % self.size_bytes;
            self.buffer[..whole].chunks_exact(self.size_bytes).for_each(&mut structure);
            self.buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }
}
