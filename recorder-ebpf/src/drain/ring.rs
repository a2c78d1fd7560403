//! Records out of a ring of the kernel (`BPF_MAP_TYPE_RINGBUF`, `kernel/bpf/ringbuf.c`).
//!
//! A page with how far it was read, which is written here; a page with how far it was written; the
//! data. A record is a header of 8 bytes, of which the first 4 are its length and two flags, and what
//! it holds, padded to a multiple of 8.
//!
//! The kernel lets the data be mapped twice, one behind the other, so that no record is in two pieces.
//! Each of these pages counts as memory of this process then, twice the size of all rings, for as long
//! as it runs. Here they are mapped once, and a record that goes on at the beginning is copied from
//! there.
//!
//! `unsafe` because the kernel writes into what is read here. It is sound because positions and headers
//! are loaded and stored as atomics (loads of memory that is read-only here are relaxed, with a fence
//! behind them), and a record is copied only when the header says that it is done: the kernel writes there again only behind what the position of reading frees,
//! which is stored with release after the copy.

use memmap2::{MmapOptions, MmapRaw};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// The record is being written (`BPF_RINGBUF_BUSY_BIT`).
const BUSY: u32 = 1 << 31;
/// The record is none (`BPF_RINGBUF_DISCARD_BIT`).
const DISCARDED: u32 = 1 << 30;
const HEADER_BYTES: usize = 8;

/// A ring, and how far it was read.
pub struct Ring {
    /// The page with how far it was read.
    read: MmapRaw,
    /// The page with how far it was written, and the data.
    written: MmapRaw,
    page_bytes: usize,
    /// Of the data: a power of two, and a whole number of pages.
    size_bytes: usize,
    position: u64,
}

impl Ring {
    /// Maps the ring of `size_bytes` of data behind `fd`.
    ///
    /// # Errors
    /// The kernel's. A size that no ring has is invalid input.
    pub fn map(fd: BorrowedFd<'_>, size_bytes: usize) -> std::io::Result<Ring> {
        let page_bytes = rustix::param::page_size();
        if !size_bytes.is_power_of_two() || !size_bytes.is_multiple_of(page_bytes) {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let fd = fd.as_raw_fd();
        let read = MmapOptions::new().len(page_bytes).map_raw(fd)?;
        let written = MmapOptions::new()
            .offset(page_bytes as u64)
            .len(page_bytes + size_bytes)
            .map_raw_read_only(fd)?;
        let mut ring = Ring { read, written, page_bytes, size_bytes, position: 0 };
        ring.position = ring.read_position().load(Ordering::Relaxed);
        Ok(ring)
    }

    /// Appends what the next record holds to `into`, and says how many bytes that is. `None` where
    /// there is no more that is done.
    pub fn take(&mut self, into: &mut Vec<u8>) -> Option<usize> {
        while self.position < acquire(|| self.written_position().load(Ordering::Relaxed)) {
            let header = self.header(self.position)?;
            let length = acquire(|| header.load(Ordering::Relaxed));
            if length & BUSY != 0 {
                return None;
            }
            let bytes = (length & !DISCARDED) as usize;
            let from = self.position.wrapping_add(HEADER_BYTES as u64);
            let is_record = length & DISCARDED == 0;
            if is_record {
                self.copy(from, bytes, into)?;
            }
            let whole_bytes = (HEADER_BYTES + bytes).next_multiple_of(8);
            self.position = self.position.wrapping_add(whole_bytes as u64);
            self.read_position().store(self.position, Ordering::Release);
            if is_record {
                return Some(bytes);
            }
        }
        None
    }

    fn read_position(&self) -> &AtomicU64 {
        // SAFETY: a mapping begins on a page, has one, and lives as long as `self`; the kernel loads
        // the word that is stored here.
        unsafe { &*self.read.as_mut_ptr().cast::<AtomicU64>() }
    }

    fn written_position(&self) -> &AtomicU64 {
        // SAFETY: as above, of the other mapping, whose word the kernel stores; it is only loaded.
        unsafe { &*self.written.as_ptr().cast::<AtomicU64>() }
    }

    /// Where a position is in the data.
    #[expect(clippy::cast_possible_truncation, reason = "the size is a power of two of a usize")]
    fn offset(&self, position: u64) -> usize {
        position as usize & (self.size_bytes - 1)
    }

    /// The first word of the header at `position`.
    fn header(&self, position: u64) -> Option<&AtomicU32> {
        let offset = self.offset(position);
        // SAFETY: data begins a page into the mapping and has `size_bytes`, so a header of 8 bytes at
        // a multiple of 8 below that is within it and aligned. The kernel changes it, so it is atomic,
        // and only loaded here.
        offset.is_multiple_of(8).then(|| unsafe {
            &*self.written.as_ptr().add(self.page_bytes + offset).cast::<AtomicU32>()
        })
    }

    /// Appends `bytes` of data from `position` on; nothing where the ring has fewer.
    fn copy(&self, position: u64, bytes: usize, into: &mut Vec<u8>) -> Option<()> {
        let offset = self.offset(position);
        if bytes > self.size_bytes {
            return None;
        }
        let to_end = bytes.min(self.size_bytes - offset);
        into.reserve(bytes);
        // SAFETY: `offset + to_end` and the rest from the beginning are within the data, room for
        // `bytes` was just made behind what `into` has, and all of them are written before its length
        // says so. The record is done, and nobody writes it before it was read (see above).
        unsafe {
            let data = self.written.as_ptr().add(self.page_bytes);
            let end = into.as_mut_ptr().add(into.len());
            ptr::copy_nonoverlapping(data.add(offset), end, to_end);
            ptr::copy_nonoverlapping(data, end.add(to_end), bytes - to_end);
            into.set_len(into.len() + bytes);
        }
        Some(())
    }
}

/// What is loaded, and whatever was written before that is seen after.
fn acquire<T>(load: impl Fn() -> T) -> T {
    let loaded = load();
    fence(Ordering::Acquire);
    loaded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{BUSY, DISCARDED, HEADER_BYTES, Ring};
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    /// What the kernel does, into a file that is laid out as its ring is.
    struct Kernel {
        file: File,
        page_bytes: u64,
        size_bytes: u64,
        written: u64,
    }

    impl Kernel {
        fn new(size_bytes: u64) -> Kernel {
            let fd = rustix::fs::memfd_create("ring", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
            let page_bytes = rustix::param::page_size() as u64;
            let file = File::from(fd);
            file.set_len(2 * page_bytes + size_bytes).unwrap();
            Kernel { file, page_bytes, size_bytes, written: 0 }
        }

        fn put(&self, position: u64, bytes: &[u8]) {
            for (at, byte) in (position..).zip(bytes) {
                let at = 2 * self.page_bytes + at % self.size_bytes;
                self.file.write_all_at(&[*byte], at).unwrap();
            }
        }

        /// Whether there was room for it, and where it is.
        fn write(&mut self, record: &[u8], flags: u32) -> Option<u64> {
            let mut read = [0; 8];
            self.file.read_exact_at(&mut read, 0).unwrap();
            let whole = (HEADER_BYTES + record.len()).next_multiple_of(8) as u64;
            if self.written + whole - u64::from_le_bytes(read) > self.size_bytes - 1 {
                return None;
            }
            let at = self.written;
            self.put(at, &(record.len() as u32 | flags).to_le_bytes());
            self.put(at + HEADER_BYTES as u64, record);
            self.written += whole;
            self.file.write_all_at(&self.written.to_le_bytes(), self.page_bytes).unwrap();
            Some(at)
        }
    }

    fn all(ring: &mut Ring) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut bytes = Vec::new();
        while let Some(length) = ring.take(&mut bytes) {
            found.push(bytes.split_off(bytes.len() - length));
        }
        found
    }

    #[test]
    fn a_record_that_is_being_written_holds_up_those_behind_it_until_it_is_done() {
        let mut kernel = Kernel::new(4096);
        let mut ring = Ring::map(kernel.file.as_fd(), 4096).unwrap();
        kernel.write(b"one", 0).unwrap();
        let at = kernel.write(b"two", BUSY).unwrap();
        kernel.write(b"three", 0).unwrap();
        assert_eq!(all(&mut ring), [b"one"]);
        kernel.put(at, &3u32.to_le_bytes());
        assert_eq!(all(&mut ring), [&b"two"[..], b"three"]);
        assert_eq!(all(&mut ring), [b""; 0]);
    }

    #[test]
    fn a_size_that_no_ring_has_is_refused() {
        let kernel = Kernel::new(1 << 16);
        for size_bytes in [0, 1, 4095, 3 * 4096] {
            assert!(Ring::map(kernel.file.as_fd(), size_bytes).is_err(), "{size_bytes}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_record_comes_out_once_in_order_and_as_it_went_in_wherever_the_ring_ends(
            records in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..1500), any::<bool>(), any::<bool>()),
                1..60),
        ) {
            let mut kernel = Kernel::new(4096);
            let mut ring = Ring::map(kernel.file.as_fd(), 4096).unwrap();
            let mut expected = VecDeque::new();
            for (record, is_discarded, is_read) in records {
                let flags = if is_discarded { DISCARDED } else { 0 };
                if kernel.write(&record, flags).is_some() && !is_discarded {
                    expected.push_back(record);
                }
                if is_read {
                    prop_assert_eq!(all(&mut ring), expected.drain(..).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(all(&mut ring), expected.drain(..).collect::<Vec<_>>());
        }
    }
}
