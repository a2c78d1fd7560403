//! Memory that is needed once, at the start.
//!
//! The kernel's BTF takes tens of MB while it is read. The allocator keeps freed pieces in between
//! others, and a process that lives for months would carry them along.

/// Keeps large pieces of memory apart from others for as long as the process lives, so that they go
/// back to the kernel as a whole when they are freed. To be called before there are other threads.
///
/// The allocator does so by itself until the first of them is freed, and then takes the heap for
/// pieces of that size: what the kernel's types leave free lies between what stays.
pub fn keep_large_pieces_apart() {
    const LARGE_BYTES: i32 = 128 << 10;
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers, and there is no other thread that allocates.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}

/// Has all threads share one heap, for as long as the process lives. To be called before there are
/// other threads.
///
/// Each of some ten threads would have one of its own, in which stays free what only that thread
/// may use. They hardly meet: what is done a thousand times a second allocates nothing.
pub fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers, and there is no other thread that allocates.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives the free pages of the heap back to the kernel.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes no pointer, may be called at any time from any thread, and
    // touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
