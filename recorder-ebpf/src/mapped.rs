//! Arrays of the kernel that are mapped, so that reading them takes no system call.

use aya::maps::MapData;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

/// An array of words that the kernel's programs write while they are read here.
pub(crate) struct MappedWords {
    words: NonNull<AtomicU64>,
    count: usize,
    _map: MapData,
}

impl MappedWords {
    /// Maps `map`, an array with `BPF_F_MMAPABLE` of `count` words.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(map: MapData, count: usize) -> io::Result<MappedWords> {
        let bytes = count.max(1) * size_of::<u64>();
        // SAFETY: asks for a new mapping, wherever the kernel has room.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ,
                libc::MAP_SHARED,
                map.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(MappedWords { words, count, _map: map })
    }

    /// All words, each as it is when it is loaded.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, holds `count` words until this is dropped, and is
        // written by others with single stores of a word, which atomics may be.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }

    /// One word as it is now.
    pub fn get(&self, at: usize) -> u64 {
        self.words().get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and nothing borrows from it any more.
        unsafe {
            libc::munmap(self.words.as_ptr().cast(), self.count.max(1) * size_of::<u64>());
        }
    }
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only read.
unsafe impl Send for MappedWords {}
