//! Buffers that travel from sources to the writer and back, so that sending allocates nothing.

use crossbeam_queue::ArrayQueue;
use rkyv::util::AlignedVec;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A fixed number of aligned buffers.
#[derive(Clone)]
pub struct BufferPool {
    free: Arc<ArrayQueue<AlignedVec>>,
    /// A returned buffer that grew beyond this is replaced by an empty one.
    keep_bytes: usize,
}

impl BufferPool {
    /// A pool of `count` buffers, empty at first; each keeps up to `keep_bytes` of capacity.
    pub fn new(count: usize, keep_bytes: usize) -> BufferPool {
        let free = ArrayQueue::new(count.max(1));
        while free.push(AlignedVec::new()).is_ok() {}
        BufferPool { free: Arc::new(free), keep_bytes }
    }

    /// A buffer, if one is free. It returns to the pool when it is dropped.
    pub fn take(&self) -> Option<PooledBuffer> {
        self.free.pop().map(|buffer| PooledBuffer { buffer, pool: self.clone() })
    }

    /// How many buffers are free now.
    pub fn free(&self) -> usize {
        self.free.len()
    }
}

/// A buffer out of a [`BufferPool`].
pub struct PooledBuffer {
    buffer: AlignedVec,
    pool: BufferPool,
}

impl Deref for PooledBuffer {
    type Target = AlignedVec;
    fn deref(&self) -> &AlignedVec {
        &self.buffer
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut AlignedVec {
        &mut self.buffer
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() > self.pool.keep_bytes {
            buffer = AlignedVec::new();
        }
        buffer.clear();
        // The queue has a place for every buffer of the pool, so it cannot be full.
        let _ = self.pool.free.push(buffer);
    }
}
