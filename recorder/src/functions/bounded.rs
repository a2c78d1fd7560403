//! A file of others, of which only so much is read, whatever it says of itself.

use object::{ReadCache, ReadRef};
use std::cell::Cell;
use std::fs::File;
use std::ops::Range;

/// So much is read of a file in all.
pub(super) const MOST_BYTES: u64 = 256 << 20;
/// What is as small as a header is not counted: it is looked at again and again.
const SMALL_BYTES: u64 = 4096;

/// A file that is read in pieces, which stay in memory as long as this.
pub(super) struct Bounded {
    cache: ReadCache<File>,
    left_bytes: Cell<u64>,
}

impl Bounded {
    pub(super) fn new(file: File) -> Bounded {
        Bounded { cache: ReadCache::new(file), left_bytes: Cell::new(MOST_BYTES) }
    }

    fn take(&self, bytes: u64) -> Result<(), ()> {
        if bytes > SMALL_BYTES {
            self.left_bytes.set(self.left_bytes.get().checked_sub(bytes).ok_or(())?);
        }
        Ok(())
    }
}

impl<'a> ReadRef<'a> for &'a Bounded {
    fn len(self) -> Result<u64, ()> {
        (&self.cache).len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        // What is not in the file is not made room for.
        let end = offset.checked_add(size).ok_or(())?;
        if end > (&self.cache).len()? {
            return Err(());
        }
        self.take(size)?;
        (&self.cache).read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        self.take(range.end.saturating_sub(range.start))?;
        (&self.cache).read_bytes_at_until(range, delimiter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Bounded, MOST_BYTES};
    use object::ReadRef;

    #[test]
    fn of_a_file_only_so_much_is_read_and_nothing_that_it_does_not_have() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4 * MOST_BYTES).unwrap();
        let read = Bounded::new(file);
        assert_eq!((&read).read_bytes_at(8, 8), Ok(&[0; 8][..]));
        assert_eq!((&read).read_bytes_at(4 * MOST_BYTES - 4, 8), Err(()));
        assert_eq!((&read).read_bytes_at(0, 2 * MOST_BYTES), Err(()));
        let mut whole = 0;
        while (&read).read_bytes_at(whole << 20, 1 << 20).is_ok() {
            whole += 1;
        }
        assert_eq!(whole << 20, MOST_BYTES);
        assert_eq!((&read).read_bytes_at(8, 8), Ok(&[0; 8][..]), "the head is always there");
    }
}
