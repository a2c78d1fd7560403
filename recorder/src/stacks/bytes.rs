//! What can be read at an offset: a file, or a copy of memory.
//!
//! Files of others are read and never mapped. Whoever cuts a file short that is mapped ends the
//! process that touches the page.

use super::asking::{Asking, Whom};
use nodemon_formats::narrow;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where the bytes of a module come from.
pub(super) enum Bytes {
    File(File),
    /// A file whose server may not answer.
    Remote {
        file: Arc<File>,
        whom: Whom,
        asking: Asking,
    },
    Memory(Vec<u8>),
}

impl Bytes {
    /// Those of a file, which is asked where only that waits unless its data are here.
    pub(super) fn of(file: File, is_local: bool, whom: Whom, asking: &Asking) -> Bytes {
        match is_local {
            true => Bytes::File(file),
            false => Bytes::Remote { file: Arc::new(file), whom, asking: asking.clone() },
        }
    }

    /// Fills `buffer` with what is at `offset`, and says how much there was.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        match self {
            Bytes::File(file) => read_file(file, offset, buffer),
            Bytes::Remote { file, whom, asking } => {
                let (file, mut found) = (file.clone(), vec![0; buffer.len()]);
                let read = move || {
                    let count = read_file(&file, offset, &mut found);
                    found.truncate(count);
                    found
                };
                let found = asking.ask(*whom, read).unwrap_or_default();
                if let Some(to) = buffer.get_mut(..found.len()) {
                    to.copy_from_slice(&found);
                }
                found.len()
            }
            Bytes::Memory(bytes) => {
                let rest = bytes.get(narrow::index(offset)..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                count
            }
        }
    }

    /// Puts the `count` bytes at `offset` into `buffer`, or as many of them as there are.
    pub(super) fn read_part(&self, offset: u64, count: usize, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.resize(count, 0);
        let found = self.read(offset, buffer);
        buffer.truncate(found);
    }

    /// The `N` bytes at `offset`.
    pub(super) fn array<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let mut found = [0; N];
        (self.read(offset, &mut found) == N).then_some(found)
    }
}

fn read_file(file: &File, offset: u64, buffer: &mut [u8]) -> usize {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let Some(at) = offset.checked_add(done as u64) else { break };
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    done
}

/// The number of 16 bits at a place of little-endian bytes.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The number of 32 bits at a place of little-endian bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The number of 64 bits at a place of little-endian bytes.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
