//! What is known of processes and files, within bounds: the least recently used goes first.

use super::UserSample;
use super::file::{File, Mapped};
use super::maps::FileKey;
use super::reading::Reading;
use super::space::Space;
use std::collections::HashMap;
use std::path::Path;

const MOST_SPACES: usize = 512;
const MOST_FILES: usize = 256;
/// What may be kept of processes, of addresses and names, and of indexes of symbols.
const MOST_SPACES_BYTES: usize = 2 << 20;
const MOST_FILES_BYTES: usize = 3 << 20;
const MOST_INDEX_BYTES: usize = 3 << 20;
/// Batches after which an index goes that was not asked, and a file of which no sample was.
const INDEX_BATCHES: u64 = 32;
const FILE_BATCHES: u64 = 1024;
/// Processes that are looked at after a batch, whether they are still there.
const LOOKED_AT: usize = 4;
/// A process that takes more may be what makes all too much.
const LARGE_SPACE_BYTES: usize = 128 << 10;

/// The address spaces of processes, by their numbers.
#[derive(Default)]
pub(super) struct Spaces {
    known: HashMap<u32, Space>,
    /// Those that are still to be looked at in this round.
    round: Vec<u32>,
}

impl Spaces {
    pub(super) fn of(&mut self, sample: &UserSample<'_>, reading: &mut Reading<'_>) -> &mut Space {
        if self.known.len() >= MOST_SPACES && !self.known.contains_key(&sample.pid) {
            let oldest = self.known.iter().min_by_key(|(_, space)| space.used_in);
            if let Some(oldest) = oldest.map(|(pid, _)| *pid) {
                self.known.remove(&oldest);
            }
        }
        let known = self.known.get_mut(&sample.pid);
        if known.is_some_and(|space| !space.is_of(sample, reading)) {
            self.known.remove(&sample.pid);
        }
        let space = self.known.entry(sample.pid).or_insert_with(|| Space::read(sample, reading));
        space.used_in = reading.batch;
        space
    }

    /// Forgets processes that are gone, some of them at a time, and what is too much.
    pub(super) fn settle(&mut self, proc: &Path, batch: u64) {
        if self.round.is_empty() {
            self.round.extend(self.known.keys());
        }
        for pid in self.round.split_off(self.round.len().saturating_sub(LOOKED_AT)) {
            if self.known.get(&pid).is_some_and(|space| space.is_over(proc)) {
                self.known.remove(&pid);
            }
        }
        for space in self.known.values_mut() {
            space.drop_names(batch.saturating_sub(FILE_BATCHES));
        }
        self.trim();
    }

    /// Forgets what is too much, when that may be because of one process.
    pub(super) fn trim_for(&mut self, pid: u32) {
        if self.known.get(&pid).is_some_and(|space| space.bytes() > LARGE_SPACE_BYTES) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let mut bytes = self.known.values().map(Space::bytes).sum::<usize>();
        while bytes > MOST_SPACES_BYTES {
            let oldest = self.known.iter().min_by_key(|(_, space)| space.used_in);
            let Some((pid, space)) = oldest.map(|(pid, space)| (*pid, space.bytes())) else {
                break;
            };
            bytes -= space;
            self.known.remove(&pid);
        }
    }
}

/// Files with code.
#[derive(Default)]
pub(super) struct Files(HashMap<FileKey, File>);

impl Files {
    pub(super) fn of(&mut self, key: FileKey, batch: u64) -> &mut File {
        if self.0.len() >= MOST_FILES && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, file)| file.used_in);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.0.remove(&oldest);
            }
        }
        let file = self.0.entry(key).or_insert_with(File::new);
        file.used_in = batch;
        file
    }

    /// Gives back what is not wanted any more, and what is too much.
    pub(super) fn settle(&mut self, batch: u64) {
        self.0.retain(|_, file| file.used_in + FILE_BATCHES >= batch);
        let mut bytes = 0;
        for file in self.0.values_mut() {
            file.settle(batch);
            if file.index_use().is_some_and(|(used_in, _)| used_in + INDEX_BATCHES < batch) {
                file.drop_index();
            }
            bytes += file.bytes();
        }
        while bytes > MOST_FILES_BYTES {
            let filled = self.0.values_mut().filter(|file| file.bytes() > 0);
            let Some(file) = filled.min_by_key(|file| file.used_in) else { break };
            bytes -= file.bytes();
            file.forget();
        }
        self.trim_indexes();
    }

    /// Puts the name of the function at an offset of a file into `name`, if it is known.
    pub(super) fn put_name(&mut self, of: &Mapped<'_>, offset: u64, name: &mut Vec<u8>) {
        let file = self.of(of.key, of.batch);
        let had_index = file.index_use().is_some();
        name.clear();
        name.extend_from_slice(file.name(of, offset));
        // One stack may have many files in it.
        if !had_index && file.index_use().is_some() {
            self.trim_indexes();
        }
    }

    fn trim_indexes(&mut self) {
        let indexes = self.0.values().filter_map(File::index_use);
        let mut index_bytes = indexes.map(|(_, bytes)| bytes).sum::<usize>();
        while index_bytes > MOST_INDEX_BYTES {
            let indexed = self.0.values_mut().filter_map(|file| Some((file.index_use()?, file)));
            let Some(((_, oldest), file)) = indexed.min_by_key(|((used_in, _), _)| *used_in) else {
                break;
            };
            index_bytes -= oldest;
            file.drop_index();
        }
    }

    /// How many there are, and the bytes that they take, about.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let bytes = |file: &File| file.bytes() + file.index_use().map_or(0, |(_, bytes)| bytes);
        (self.0.len(), self.0.values().map(bytes).sum())
    }
}
