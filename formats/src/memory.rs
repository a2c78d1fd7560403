//! Memory that was needed once is given back, and where none can be had there is a sentence and an
//! exit code instead of an abort.
//!
//! `unsafe` because the trait of allocators is: each call is passed on to the system's allocator as
//! it came, so every promise of the caller, and every one that the system's allocator gives back,
//! holds unchanged.

use std::alloc::{GlobalAlloc, Layout, System};

/// Gives pieces of memory that are larger than what blocks commonly take back when they are freed,
/// in every thread. The allocator would keep up to 64 MiB of them for each thread, once it has seen
/// some. To be called before there are other threads.
pub fn give_large_pieces_back() {
    const LARGE_BYTES: i32 = 8 << 20;
    #[cfg(target_env = "gnu")]
    // mallopt(3) takes two numbers, and there is no other thread that allocates.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * LARGE_BYTES);
    }
}

/// What may stay in a buffer, bytes, however little of it is used.
const KEPT_BYTES: usize = 64 << 10;

/// Whether a buffer of so many bytes keeps its room where so many of them were used.
pub fn is_kept(room_bytes: usize, used_bytes: usize) -> bool {
    room_bytes <= KEPT_BYTES || room_bytes / 4 <= used_bytes
}

/// How much of a memory was used lately, and how much at most since it was new. What comes in large and
/// small pieces by turns keeps its memory; what was needed once is given back after some twenty turns.
#[derive(Clone, Copy, Default)]
pub struct Lately {
    bytes: usize,
    most_bytes: usize,
}

impl Lately {
    /// Notes that so many bytes were used. Returns whether the memory should be given back for one
    /// that is new: it is too large for what was used lately.
    pub fn is_too_large_for(&mut self, used_bytes: usize) -> bool {
        self.bytes = used_bytes.max(self.bytes - self.bytes / 16);
        self.most_bytes = self.most_bytes.max(used_bytes);
        let is_too_large = !is_kept(self.most_bytes, self.bytes);
        if is_too_large {
            self.most_bytes = self.bytes;
        }
        is_too_large
    }

    /// Bytes that were used lately.
    pub fn bytes(self) -> usize {
        self.bytes
    }
}

/// Empties a buffer. Where it has several times the room of what was in it, something larger was
/// there before, and most of the room is given back: a node has a storm of processes now and then,
/// and every buffer that it went through would keep its size for good.
pub fn clear_and_shrink<T>(buffer: &mut Vec<T>) {
    let used = buffer.len();
    buffer.clear();
    if !is_kept(buffer.capacity() * size_of::<T>(), used * size_of::<T>()) {
        buffer.shrink_to(2 * used);
    }
}

/// Makes room for `more`, and where the buffer is large for little beyond: doubled, it would be up to
/// half empty for as long as it is kept.
pub fn reserve_closely<T>(buffer: &mut Vec<T>, more: usize) {
    let needed = buffer.len() + more;
    if needed > buffer.capacity() && needed * size_of::<T>() > KEPT_BYTES {
        buffer.reserve_exact(more + needed / 8);
    }
}

/// Empties a buffer, and gives its memory back as a whole where it is large: for what comes once a
/// minute or so, and would keep its size in between.
pub fn clear_or_give_back<T>(buffer: &mut Vec<T>) {
    if buffer.capacity() * size_of::<T>() > KEPT_BYTES {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}

/// The system's allocator for a program, which ends when memory is refused.
pub struct OrEnd {
    /// What is said then. It is said as it is: there is no memory to put anything into it.
    pub sentence: &'static str,
}

impl OrEnd {
    #[inline]
    fn given(&self, pointer: *mut u8) -> *mut u8 {
        if pointer.is_null() {
            self.end();
        }
        pointer
    }

    #[cold]
    fn end(&self) -> ! {
        // Not by way of `std`, whose handlers may want memory, or a lock that this thread holds. Who
        // cannot be told is not told. What was committed is durable, and a recording is read after
        // any end.
        unsafe {
            libc::write(2, self.sentence.as_ptr().cast(), self.sentence.len());
            libc::_exit(1)
        }
    }
}

unsafe impl GlobalAlloc for OrEnd {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.given(unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.given(unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size_bytes: usize) -> *mut u8 {
        self.given(unsafe { System.realloc(pointer, layout, size_bytes) })
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}
