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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::BufferPool;

    #[test]
    fn one_buffer_under_way_at_a_time_is_one_buffer_grown() {
        let pool = BufferPool::new(8, 1 << 20);
        for round in 0..100 {
            let mut buffer = pool.take().unwrap();
            assert_eq!(buffer.capacity() > 0, round > 0, "round {round}: the buffer used before");
            buffer.extend_from_slice(&[7; 1000]);
        }
        assert_eq!(pool.free(), 8);
    }

    #[test]
    fn a_pool_that_is_used_up_says_so_and_recovers() {
        let pool = BufferPool::new(2, 1 << 20);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(pool.take().is_none(), "both are under way");
        drop(first);
        assert!(pool.take().is_some());
        drop(second);
        assert_eq!(pool.free(), 2);
    }

    #[test]
    fn a_buffer_that_grew_beyond_the_limit_gives_its_memory_back() {
        let pool = BufferPool::new(1, 1000);
        let mut buffer = pool.take().unwrap();
        buffer.extend_from_slice(&[7; 5000]);
        drop(buffer);
        assert_eq!(pool.take().unwrap().capacity(), 0);
    }
}
