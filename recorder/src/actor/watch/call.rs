//! What a source is at, as the watchdog sees it.

use nodemon_formats::clock::boottime_ns;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};

/// What is being done with a source that may wait for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doing {
    /// It is opened, on a thread of its own.
    Opening,
    /// It is sampled, on the thread that it shares.
    Sampling,
}

/// A call into a source, written by the thread that makes it and read by the watchdog. Three relaxed
/// stores a call: the watchdog may see one a moment before its neighbour, and looks twice.
#[derive(Debug, Default)]
pub struct Call {
    /// When it began, `CLOCK_BOOTTIME` ns; 0 when there is none.
    since_ns: AtomicU64,
    thread: AtomicI32,
    doing: AtomicU8,
}

/// A call that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InCall {
    /// When it began, `CLOCK_BOOTTIME` ns.
    pub since_ns: u64,
    /// The thread, as the kernel numbers it; 0 where none has begun yet.
    pub thread: i32,
    /// What is being done.
    pub doing: Doing,
}

/// Ends a call when it is dropped, also when the source panics.
pub struct Ends<'a>(&'a Call);

impl Call {
    /// A call begins at `now_ns`.
    pub fn begin(&self, doing: Doing, thread: i32, now_ns: u64) -> Ends<'_> {
        self.set(doing, thread, now_ns);
        Ends(self)
    }

    /// The source will be opened on another thread, once one is free.
    pub fn is_asked_for(&self) {
        self.set(Doing::Opening, 0, boottime_ns());
    }

    /// The call that was asked for begins now, on this thread.
    pub fn is_made_by(&self, thread: i32) {
        // Nobody takes the time in which it waited for that of the call.
        self.end();
        self.set(Doing::Opening, thread, boottime_ns());
    }

    /// The call is over.
    pub fn end(&self) {
        self.since_ns.store(0, Ordering::Release);
    }

    fn set(&self, doing: Doing, thread: i32, now_ns: u64) {
        self.thread.store(thread, Ordering::Relaxed);
        self.doing.store(doing as u8, Ordering::Relaxed);
        self.since_ns.store(now_ns.max(1), Ordering::Release);
    }

    /// The call that is under way.
    pub fn under_way(&self) -> Option<InCall> {
        let since_ns = self.since_ns.load(Ordering::Acquire);
        let is_opening = self.doing.load(Ordering::Relaxed) == Doing::Opening as u8;
        (since_ns != 0).then(|| InCall {
            since_ns,
            thread: self.thread.load(Ordering::Relaxed),
            doing: if is_opening { Doing::Opening } else { Doing::Sampling },
        })
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
