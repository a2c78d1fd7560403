//! Buffers that travel from sources to the writer and back, so that sending allocates nothing.

use crate::memory::is_kept;
use rkyv::util::AlignedVec;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fixed number of aligned buffers. The one that came back last is given out first, so that only
/// as many of them grow to their working size as are ever under way at once. Of large ones it keeps
/// one: several are under way when there is a burst, and would never be taken again.
#[derive(Clone)]
pub struct BufferPool {
    /// Locked once a record, for a push or a pop.
    free: Arc<Mutex<Vec<AlignedVec>>>,
}

impl BufferPool {
    /// A pool of `count` buffers, empty at first.
    pub fn new(count: usize) -> BufferPool {
        let free = (0..count.max(1)).map(|_| AlignedVec::new()).collect();
        BufferPool { free: Arc::new(Mutex::new(free)) }
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
        let is_large = |buffer: &AlignedVec| !is_kept(buffer.capacity(), 0);
        let mut stack = self.pool.stack();
        if is_large(&buffer) {
            stack
                .iter_mut()
                .filter(|other| is_large(other))
                .for_each(|other| drop(std::mem::take(other)));
        }
        if !is_kept(buffer.capacity(), buffer.len()) {
            buffer = AlignedVec::new();
        }
        buffer.clear();
        // The stack was made with room for every buffer of the pool, so this allocates nothing.
        stack.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::BufferPool;

    #[test]
    fn one_buffer_under_way_at_a_time_is_one_buffer_grown() {
        let pool = BufferPool::new(8);
        for round in 0..100 {
            let mut buffer = pool.take().unwrap();
            assert_eq!(buffer.capacity() > 0, round > 0, "round {round}: the buffer used before");
            buffer.extend_from_slice(&[7; 1000]);
        }
        assert_eq!(pool.free(), 8);
    }

    #[test]
    fn a_pool_that_is_used_up_says_so_and_recovers() {
        let pool = BufferPool::new(2);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(pool.take().is_none(), "both are under way");
        drop(first);
        assert!(pool.take().is_some());
        drop(second);
        assert_eq!(pool.free(), 2);
    }

    #[test]
    fn buffers_that_a_burst_made_large_give_their_memory_back() {
        let pool = BufferPool::new(4);
        let room = |pool: &BufferPool| -> usize {
            let all: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
            let room = all.iter().map(|buffer| buffer.capacity()).sum();
            // Back in the order in which they were.
            all.into_iter().rev().for_each(drop);
            room
        };
        let burst: Vec<_> = (0..3).filter_map(|_| pool.take()).collect();
        for mut buffer in burst {
            buffer.extend_from_slice(&[7; 1 << 20]);
        }
        assert!(room(&pool) < 2 << 20, "one of the three that were under way: {}", room(&pool));
        let mut buffer = pool.take().unwrap();
        assert_eq!(buffer.capacity(), 0, "its room, after it was returned without a byte");
        buffer.extend_from_slice(&[7; 1 << 20]);
        drop(buffer);
        let mut buffer = pool.take().unwrap();
        assert!(buffer.capacity() >= 1 << 20, "one that is as large each time");
        buffer.extend_from_slice(&[7; 1000]);
        drop(buffer);
        assert_eq!(room(&pool), 0, "after a small record");
    }
}
