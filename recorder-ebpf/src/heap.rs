//! Memory that is needed once, at the start.
//!
//! The kernel's BTF takes tens of MB while it is read. The allocator keeps freed pieces in between
//! others, and a process that lives for months would carry them along.

/// Gives the free pages of the heap back to the kernel.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes no pointer, may be called at any time from any thread, and
    // touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
