//! Arrays of the kernel that are mapped, so that reading them takes no system call.
//!
//! `unsafe` because the kernel writes what is read here. It is sound because it is read as atomic
//! words, and the mapping has as many as it was made for.

use aya::maps::MapData;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// An array of words that the kernel's programs write while they are read here.
pub(crate) struct MappedWords {
    mapping: MmapRaw,
    count: usize,
    /// Programs that are loaded later name the map by its descriptor.
    _map: MapData,
}

impl MappedWords {
    /// Maps `map`, an array with `BPF_F_MMAPABLE` of `count` words.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(map: MapData, count: usize) -> io::Result<MappedWords> {
        let mut options = MmapOptions::new();
        options.len(count.max(1) * size_of::<u64>());
        let mapping = options.map_raw_read_only(map.fd().as_fd().as_raw_fd())?;
        Ok(MappedWords { mapping, count, _map: map })
    }

    /// All words, each as it is when it is loaded.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins on a page, holds `count` words until this is dropped, and is
        // written by others with single stores of a word, which atomics may be; the pages are
        // read-only here, and the words are only loaded.
        unsafe { std::slice::from_raw_parts(self.mapping.as_ptr().cast(), self.count) }
    }

    /// One word as it is now.
    pub fn get(&self, at: usize) -> u64 {
        self.words().get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}
