//! A hash map, looked up many elements at once: 10,000 take some 2 ms, one by one 20.

use crate::error::FeatureError;
use crate::sys;
use aya::maps::{MapData, MapType};
use std::io;
use std::os::fd::AsFd;

/// Elements that are looked up at once, to begin with.
const AT_ONCE: usize = 512;

/// A hash map that is read as a whole, again and again.
pub struct Entries {
    map: MapData,
    key_bytes: usize,
    /// Bytes of a value as the program has it.
    value_bytes: usize,
    /// Values of an element: one for each CPU that may be there, or one.
    copies: usize,
    at_once: usize,
    keys: Vec<u8>,
    values: Vec<u8>,
    /// Where to go on, twice.
    tokens: [Vec<u8>; 2],
    sums: Vec<u8>,
    /// Elements that there may be, and that there were.
    max: u32,
    count: u32,
}

impl Entries {
    /// Reads `map`, whose values are words of 64 bits.
    ///
    /// # Errors
    /// When the kernel does not say what kind of map it is.
    pub fn new(map: MapData) -> Result<Entries, FeatureError> {
        let info = map.info()?;
        let (key_bytes, value_bytes) = (info.key_size() as usize, info.value_size() as usize);
        let is_per_cpu = matches!(
            info.map_type()?,
            MapType::PerCpuHash | MapType::LruPerCpuHash | MapType::PerCpuArray
        );
        let copies = match is_per_cpu {
            true => aya::util::nr_cpus()
                .map_err(|(path, source)| FeatureError::Read { path: path.into(), source })?,
            false => 1,
        };
        let token = vec![0; key_bytes.max(8)];
        let at_once = AT_ONCE.min(info.max_entries() as usize).max(1);
        let mut entries = Entries {
            map,
            key_bytes,
            value_bytes,
            copies,
            at_once: 0,
            keys: Vec::new(),
            values: Vec::new(),
            tokens: [token.clone(), token],
            sums: Vec::new(),
            max: info.max_entries(),
            count: 0,
        };
        entries.sums.resize(entries.stride(), 0);
        entries.make_room(at_once);
        Ok(entries)
    }

    fn make_room(&mut self, at_once: usize) {
        self.at_once = at_once;
        self.keys.resize(at_once * self.key_bytes, 0);
        self.values.resize(at_once * self.stride() * self.copies, 0);
    }

    /// Bytes from the value of one CPU to that of the next.
    fn stride(&self) -> usize {
        if self.copies > 1 { self.value_bytes.next_multiple_of(8) } else { self.value_bytes }
    }

    /// Whether more than three quarters of the elements that there may be were there.
    pub fn is_crowded(&self) -> bool {
        self.count / 3 > self.max / 4
    }

    /// Takes the element out whose key these are the parts of, its padding zero, and hands out the
    /// sums that it had at the last. `None` for one that cannot be taken out, which stays.
    pub fn take(&mut self, parts: &[&[u8]]) -> Option<&[u8]> {
        let mut key = parts.concat();
        key.resize(self.key_bytes, 0);
        let whole = self.stride() * self.copies;
        let values = self.values.get_mut(..whole)?;
        sys::take(self.map.fd().as_fd(), &key, values).ok()?;
        Some(sum(values, &mut self.sums, self.copies))
    }

    /// Hands out the key and the sums of every element.
    ///
    /// # Errors
    /// The kernel's.
    pub fn each(&mut self, mut element: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
        let mut is_first = true;
        self.count = 0;
        loop {
            let [from, next] = &mut self.tokens;
            let found = sys::look_up_many(
                self.map.fd().as_fd(),
                (!is_first).then_some(from.as_mut_slice()),
                next,
                &mut self.keys,
                &mut self.values,
                self.at_once,
            );
            let found = match found {
                Ok(found) => found,
                // So many share a place in the hash that they do not fit. Where it was is still
                // in the first token.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    self.make_room(self.at_once * 2);
                    continue;
                }
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => continue,
                Err(error) => return Err(error),
            };
            self.count = self.count.saturating_add(u32::try_from(found.count).unwrap_or(u32::MAX));
            let whole = self.stride() * self.copies;
            let keys = self.keys.chunks_exact(self.key_bytes);
            let values = self.values.chunks_exact(whole);
            for (key, values) in keys.zip(values).take(found.count) {
                element(key, sum(values, &mut self.sums, self.copies));
            }
            if !found.has_more {
                return Ok(());
            }
            is_first = false;
            self.tokens.swap(0, 1);
        }
    }
}

/// The sums over all CPUs of each word. Those of a CPU are a whole number of words long.
fn sum<'a>(values: &'a [u8], sums: &'a mut [u8], copies: usize) -> &'a [u8] {
    if copies == 1 {
        return values;
    }
    let (first, others) = values.split_at(sums.len());
    sums.copy_from_slice(first);
    let (sums_of_words, _) = sums.as_chunks_mut::<8>();
    let (words, _) = others.as_chunks::<8>();
    for of_cpu in words.chunks_exact(sums_of_words.len().max(1)) {
        for (sum, word) in sums_of_words.iter_mut().zip(of_cpu) {
            let both = u64::from_le_bytes(*sum).wrapping_add(u64::from_le_bytes(*word));
            *sum = both.to_le_bytes();
        }
    }
    sums
}
