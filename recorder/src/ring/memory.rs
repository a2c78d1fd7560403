//! The one place that touches memory which the kernel writes while it is read.

use super::abi::{ELEMENT_BYTES, ELEMENT_WORDS, RingCpu, RingHeader, RingSlot};
use memmap2::{MmapOptions, MmapRaw};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The memory of a ring, mapped for reading.
pub struct Memory(MmapRaw);

impl Memory {
    /// Maps the first `size_bytes` of what `fd` gives.
    ///
    /// # Errors
    /// The kernel's, as when the file allows no mapping.
    pub fn map(fd: BorrowedFd<'_>, size_bytes: usize) -> std::io::Result<Memory> {
        MmapOptions::new().len(size_bytes).map_raw_read_only(fd.as_raw_fd()).map(Memory)
    }

    /// Its size, bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.len()
    }

    /// The word at `offset_bytes`, and everything that was written before it is visible after.
    /// Beyond the end it is 0.
    pub fn word(&self, offset_bytes: usize) -> u64 {
        let word = self.at(offset_bytes, 1).map_or(0, |words| words[0].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        word
    }

    /// Copies the element at `offset_bytes`. Beyond the end `into` stays as it is.
    pub fn copy<T: Element>(&self, offset_bytes: usize, into: &mut T) {
        if let Some(words) = self.at(offset_bytes, ELEMENT_WORDS) {
            // SAFETY: `T` is one of the structures of the ABI (the trait is sealed by being private
            // to this file's implementations): `repr(C)`, of ELEMENT_BYTES bytes, aligned to 8, made
            // of integers without padding. So it may be looked at as words, and any words are valid.
            let into: &mut [u64; ELEMENT_WORDS] = unsafe { &mut *std::ptr::from_mut(into).cast() };
            for (into, word) in into.iter_mut().zip(words) {
                *into = word.load(Ordering::Relaxed);
            }
        }
        // What is read next was written no earlier than what was read here.
        fence(Ordering::Acquire);
    }

    /// `count` words at `offset_bytes`, if they are within.
    fn at(&self, offset_bytes: usize, count: usize) -> Option<&[AtomicU64]> {
        let end_bytes = offset_bytes.checked_add(count * 8)?;
        if end_bytes > self.0.len() || !offset_bytes.is_multiple_of(8) {
            return None;
        }
        // SAFETY: the range was just found to be within the mapping, which lives as long as `self`;
        // a mapping begins on a page, so a multiple of 8 is aligned. The kernel writes here at any
        // time, so the words are atomics, and they are only ever loaded: the pages are read-only.
        Some(unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(offset_bytes).cast(), count) })
    }
}

/// What an element of the ring may be read as.
pub trait Element: sealed::Sealed {}
impl Element for RingHeader {}
impl Element for RingSlot {}
impl Element for RingCpu {}

mod sealed {
    use super::{ELEMENT_BYTES, RingCpu, RingHeader, RingSlot};

    /// A structure of integers without padding, of the size of an element.
    pub trait Sealed {}
    impl Sealed for RingHeader {}
    impl Sealed for RingSlot {}
    impl Sealed for RingCpu {}

    const _: () = assert!(
        align_of::<RingHeader>() == 8 && align_of::<RingSlot>() == 8 && align_of::<RingCpu>() == 8
    );
    const _: () = assert!(size_of::<RingHeader>() == ELEMENT_BYTES);
}
