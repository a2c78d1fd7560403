//! The words of the columns of a block, all of them in one piece of memory that is used again.
//!
//! A second of 64 CPUs at 1 ms is 4 MB of words. Asked of the allocator column by column and given
//! back with every block, they cost a page fault for every 512 of them, which took longer than to
//! decode them.

use crossbeam_queue::ArrayQueue;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pieces that lie ready where nobody decodes ahead.
const KEPT: usize = 8;

/// What all of them may take, in words: 32 MiB. Few of what blocks are is more than 10.
const MOST_KEPT_WORDS: usize = 4 << 20;

/// Where pieces of memory lie until they are used again.
#[derive(Clone)]
pub(crate) struct BufferPool(Arc<Pieces>);

struct Pieces {
    queue: ArrayQueue<Vec<u64>>,
    words: AtomicUsize,
}

impl Default for BufferPool {
    fn default() -> BufferPool {
        BufferPool::new(KEPT)
    }
}

impl BufferPool {
    /// A pool with room for so many pieces.
    pub(crate) fn new(pieces: usize) -> BufferPool {
        let queue = ArrayQueue::new(pieces.max(1));
        BufferPool(Arc::new(Pieces { queue, words: AtomicUsize::new(0) }))
    }

    /// Puts a piece where it lies until it is used again, or frees it where enough lie there.
    fn put(&self, words: Vec<u64>) {
        let length = words.capacity();
        if self.0.words.fetch_add(length, Ordering::Relaxed).saturating_add(length)
            > MOST_KEPT_WORDS
            || self.0.queue.push(words).is_err()
        {
            self.0.words.fetch_sub(length, Ordering::Relaxed);
        }
    }

    /// A piece of at least `length` words, which hold anything.
    pub(crate) fn take(&self, length: usize) -> Slab {
        let mut words = self.0.queue.pop().unwrap_or_default();
        self.0.words.fetch_sub(words.capacity(), Ordering::Relaxed);
        if words.len() < length {
            words.clear();
            words.resize(length, 0);
        }
        Slab { words, pool: Some(self.clone()) }
    }
}

/// A piece of memory, which returns to its pool when nobody holds words in it any more.
pub(crate) struct Slab {
    words: Vec<u64>,
    pool: Option<BufferPool>,
}

impl Slab {
    /// The words, to be written.
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.put(std::mem::take(&mut self.words));
        }
    }
}

/// Words of one column, one a row. A clone shares them, and all columns of a block share their
/// memory: it is used again when the last of them is dropped.
#[derive(Clone)]
pub struct RowWords {
    slab: Arc<Slab>,
    range: Range<usize>,
}

impl RowWords {
    /// The words in `range` of `slab`.
    pub(crate) fn new(slab: &Arc<Slab>, range: Range<usize>) -> RowWords {
        debug_assert!(range.end <= slab.words.len());
        RowWords { slab: slab.clone(), range }
    }

    /// Keeps the rows in `rows`.
    pub(crate) fn crop(&mut self, rows: &Range<usize>) {
        let end = self.range.end.min(self.range.start + rows.end);
        self.range = end.min(self.range.start + rows.start)..end;
    }
}

impl From<Vec<u64>> for RowWords {
    fn from(words: Vec<u64>) -> RowWords {
        let range = 0..words.len();
        RowWords { slab: Arc::new(Slab { words, pool: None }), range }
    }
}

impl Deref for RowWords {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        &self.slab.words[self.range.clone()]
    }
}

impl PartialEq for RowWords {
    fn eq(&self, other: &RowWords) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for RowWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.deref().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{BufferPool, KEPT, MOST_KEPT_WORDS, RowWords};
    use std::sync::Arc;

    #[test]
    fn memory_returns_to_its_shelf_with_the_last_of_its_columns_and_no_more_than_fits() {
        let pool = BufferPool::default();
        let mut slab = pool.take(4);
        slab.words_mut().copy_from_slice(&[1, 2, 3, 4]);
        let place = slab.words.as_ptr();
        let slab = Arc::new(slab);
        let (a, b) = (RowWords::new(&slab, 0..2), RowWords::new(&slab, 2..4));
        drop(slab);
        drop(a);
        assert!(pool.0.queue.is_empty(), "a column is still held");
        assert_eq!(*b, [3, 4]);
        drop(b);
        assert_eq!(pool.take(3).words.as_ptr(), place, "a smaller block takes the same memory");
        let many: Vec<_> = (0..2 * KEPT).map(|_| pool.take(1)).collect();
        drop(many);
        assert_eq!(pool.0.queue.len(), KEPT);
        drop(pool.take(MOST_KEPT_WORDS + 1));
        assert_eq!(pool.0.queue.len(), KEPT - 1, "a piece that is too large was kept");
    }

    #[test]
    fn cropped_words_are_those_of_the_rows() {
        let mut words = RowWords::from(vec![5, 6, 7, 8]);
        words.crop(&(1..3));
        assert_eq!(*words, [6, 7]);
        words.crop(&(1..2));
        assert_eq!(*words, [7]);
    }
}
