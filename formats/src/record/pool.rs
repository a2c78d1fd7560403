//! Buffers that travel from sources to the writer and back, so that sending allocates nothing.

use rkyv::util::AlignedVec;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fixed number of aligned buffers. The one that came back last is given out first, so that only
/// as many of them grow to their working size as are ever under way at once.
#[derive(Clone)]
pub struct BufferPool {
    /// Locked once a record, for a push or a pop.
    free: Arc<Mutex<Vec<AlignedVec>>>,
    /// A returned buffer that grew beyond this is replaced by an empty one.
    keep_bytes: usize,
}

impl BufferPool {
    /// A pool of `count` buffers, empty at first; each keeps up to `keep_bytes` of capacity.
    pub fn new(count: usize, keep_bytes: usize) -> BufferPool {
        let free = (0..count.max(1)).map(|_| AlignedVec::new()).collect();
        BufferPool { free: Arc::new(Mutex::new(free)), keep_bytes }
    }

    /// A buffer, if one is free. It returns to the pool when it is dropped.
    pub fn take(&self) -> Option<PooledBuffer> {
        self.stack().pop().map(|buffer| PooledBuffer { buffer, pool: self.clone() })
    }

    /// How many buffers are free now.
    pub fn free(&self) -> usize {
        self.stack().len()
    }

    fn stack(&self) -> MutexGuard<'_, Vec<AlignedVec>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
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
        // The stack was made with room for every buffer of the pool, so this allocates nothing.
        self.pool.stack().push(buffer);
    }
}
