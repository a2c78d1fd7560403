//! Counts the allocations of each thread in the test binary, so that tests can hold the hot path to
//! allocating nothing, and what was needed once to being given back.
//!
//! `unsafe` because the trait of allocators is: each call is passed on to the system's allocator
//! as it came, so every promise that the caller makes, and every one that the system's allocator
//! gives back, holds unchanged.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory so far.
pub fn count() -> u64 {
    COUNT.get()
}

/// Bytes that this thread has asked for so far and not given back.
pub fn held_bytes() -> i64 {
    HELD_BYTES.get()
}

fn hold(more: usize, less: usize) {
    HELD_BYTES.set(HELD_BYTES.get() + more as i64 - less as i64);
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        hold(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        hold(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        hold(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn an_allocation_is_counted_on_the_thread_that_makes_it() {
    let before = count();
    let boxed = std::hint::black_box(Box::new(7));
    assert_eq!(count(), before + 1, "the box {boxed}");
    let _ = std::thread::spawn(|| std::hint::black_box(vec![0u8; 64])).join();
    assert!(count() > before + 1, "starting a thread allocates here");
}
