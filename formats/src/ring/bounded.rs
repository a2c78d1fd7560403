//! The file of the segment that is being written, held within the bound of its ring.
//!
//! How much a commit takes on disk is known only while redb makes it: a page of its trees is a power
//! of two of 4 KiB, holds what happens to lie together, and is written anew for every change to it,
//! so a commit of 600 kB was seen to take 2.7 MB. So room is made where the disk is taken: before a
//! page of the file is written for the first time.

use super::{PAGE_BYTES, Ring, disk_bytes_of};
use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

/// What the file system takes besides, to know where the pages of a file are.
const MAP_BYTES: u64 = 32 << 10;

/// A file whose directory stays within its bound.
#[derive(Debug)]
pub struct BoundedFile {
    inner: FileBackend,
    /// The same file, to ask what it takes.
    file: File,
    ring: Ring,
    /// Pages that were written before, and take no more when they are written again.
    written: Mutex<BTreeSet<u64>>,
}

impl BoundedFile {
    /// `file` as part of `ring`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(file: File, ring: Ring) -> Result<BoundedFile, DatabaseError> {
        let again = file.try_clone().map_err(redb::StorageError::from)?;
        let (inner, written) = (FileBackend::new(file)?, Mutex::default());
        Ok(BoundedFile { inner, file: again, ring, written })
    }

    fn make_room(&self, offset: u64, length: u64) -> io::Result<()> {
        let pages = offset / PAGE_BYTES..(offset + length).div_ceil(PAGE_BYTES);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = pages.clone().filter(|page| !written.contains(page)).count() as u64;
        if fresh == 0 {
            return Ok(());
        }
        let needed_bytes = disk_bytes_of(&self.file)? + fresh * PAGE_BYTES + MAP_BYTES;
        if !self.ring.make_room(needed_bytes)?.1 {
            let why = "one commit is larger than what the ring can hold";
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        written.extend(pages);
        Ok(())
    }
}

impl StorageBackend for BoundedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.make_room(offset, data.len() as u64)?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
