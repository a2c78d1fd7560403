//! A crashed segment is opened without changing it: redb repairs it, but what redb writes stays in
//! memory. Works on a read-only file system too.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// Size of the units in which writes are kept.
const PAGE_BYTES: u64 = 4096;

/// A read-only file with changes in memory.
#[derive(Debug)]
pub struct Overlay {
    file: File,
    file_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    /// Changed pages by number.
    pages: BTreeMap<u64, Box<[u8]>>,
    /// The shortest that the file ever was made: what lies beyond reads as zero.
    shortest: u64,
}

impl Overlay {
    /// Lays an overlay over `file`.
    ///
    /// # Errors
    /// When the length of the file cannot be read.
    pub fn new(file: File) -> io::Result<Overlay> {
        let length = file.metadata()?.len();
        let state = State { length, pages: BTreeMap::new(), shortest: length };
        Ok(Overlay { file, file_bytes: length, state: Mutex::new(state) })
    }

    /// Reads from the file, as far as it counts, and zeros beyond.
    fn read_below(&self, shortest: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = shortest.min(self.file_bytes);
        let inside = end.saturating_sub(offset).min(out.len() as u64) as usize;
        self.file.read_exact_at(&mut out[..inside], offset)?;
        out[inside..].fill(0);
        Ok(())
    }
}

/// Calls `each` with page number, range within the page and range within the buffer.
fn for_each_page(
    offset: u64,
    length: usize,
    mut each: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = 0;
    while at < length {
        let position = offset + at as u64;
        let within = (position % PAGE_BYTES) as usize;
        let count = (PAGE_BYTES as usize - within).min(length - at);
        each(position / PAGE_BYTES, within..within + count, at..at + count)?;
        at += count;
    }
    Ok(())
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if offset.saturating_add(out.len() as u64) > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_below(state.shortest, offset, out)?;
        if state.pages.is_empty() {
            return Ok(());
        }
        for_each_page(offset, out.len(), |page, within, to| {
            if let Some(changed) = state.pages.get(&page) {
                out[to].copy_from_slice(&changed[within]);
            }
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if length < state.length {
            state.shortest = state.shortest.min(length);
            state.pages.retain(|page, _| page * PAGE_BYTES < length);
            let within = (length % PAGE_BYTES) as usize;
            if let Some(last) = state.pages.get_mut(&(length / PAGE_BYTES)) {
                last[within..].fill(0);
            }
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let shortest = state.shortest;
        for_each_page(offset, data.len(), |page, within, from| {
            if let Some(changed) = state.pages.get_mut(&page) {
                changed[within].copy_from_slice(&data[from]);
                return Ok(());
            }
            let mut fresh = vec![0; PAGE_BYTES as usize].into_boxed_slice();
            self.read_below(shortest, page * PAGE_BYTES, &mut fresh)?;
            fresh[within].copy_from_slice(&data[from]);
            state.pages.insert(page, fresh);
            Ok(())
        })
    }
}
