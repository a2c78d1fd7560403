//! Buffers that travel from sources to the writer and back, so that sending allocates nothing.

use crate::memory::{Lately, is_kept};
use rkyv::util::AlignedVec;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fixed number of aligned buffers. The one that came back last is given out first, so that only
/// as many of them grow to their working size as are ever under way at once.
#[derive(Clone)]
pub struct BufferPool {
    /// Locked once a record, for a push or a pop.
    free: Arc<Mutex<Free>>,
}

struct Free {
    buffers: Vec<AlignedVec>,
    /// How large records were.
    lately: Lately,
}

impl BufferPool {
    /// A pool of `count` buffers, empty at first.
    pub fn new(count: usize) -> BufferPool {
        let buffers = (0..count.max(1)).map(|_| AlignedVec::new()).collect();
        BufferPool { free: Arc::new(Mutex::new(Free { buffers, lately: Lately::default() })) }
    }

    /// A buffer, if one is free. It returns to the pool when it is dropped.
    pub fn take(&self) -> Option<PooledBuffer> {
        self.stack().buffers.pop().map(|buffer| PooledBuffer { buffer, pool: self.clone() })
    }

    /// How many buffers are free now.
    pub fn free(&self) -> usize {
        self.stack().buffers.len()
    }

    fn stack(&self) -> MutexGuard<'_, Free> {
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
        let used_bytes = buffer.len();
        buffer.clear();
        let mut free = self.pool.stack();
        // The stack was made with room for every buffer of the pool, so this allocates nothing.
        free.buffers.push(buffer);
        // Those that a burst made large lie below those that are taken since.
        if free.lately.is_too_large_for(used_bytes) {
            let bytes = free.lately.bytes();
            let too_large = |buffer: &&mut AlignedVec| !is_kept(buffer.capacity(), bytes);
            free.buffers.iter_mut().filter(too_large).for_each(|other| *other = AlignedVec::new());
        }
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
    fn buffers_that_a_burst_made_large_give_their_memory_back_and_others_do_not() {
        let pool = BufferPool::new(4);
        let send = |records: usize, bytes: usize| {
            let under_way: Vec<_> = (0..records).filter_map(|_| pool.take()).collect();
            let rooms = under_way.iter().map(|buffer| buffer.capacity()).collect::<Vec<_>>();
            for mut buffer in under_way {
                buffer.extend_from_slice(&vec![7; bytes]);
            }
            rooms
        };
        // As the sampler of many CPUs sends them: large ones, and what is left.
        for round in 0..100 {
            let rooms = [send(3, 500_000), send(1, 50_000)].concat();
            assert!(round == 0 || rooms.iter().all(|room| *room >= 500_000), "{round}: {rooms:?}");
        }
        for _ in 0..30 {
            send(1, 1000);
        }
        let rooms = send(4, 0);
        assert!(rooms.iter().all(|room| *room < 100_000), "once they are over: {rooms:?}");
    }
}
