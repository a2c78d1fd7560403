//! What only pins keep: segments that their ring has deleted and that are there by another name.
//!
//! A pinned file that is in its ring still counts there. When the ring deletes its own name of it
//! the bytes stay, and count here; when they are more than what pins may take, pins go.

use super::PAGE_BYTES;
use super::listing::FileId;
use crate::pin;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

/// What pins keep, and what of it no ring has.
#[derive(Debug, Default)]
pub struct Pinned {
    /// What only pins may keep.
    pub(super) bound_bytes: u64,
    /// The pins, oldest first.
    holders: Vec<Holder>,
    files: Vec<PinnedFile>,
    /// Directories, the files of pins, and whatever else lies there.
    other_bytes: u64,
    /// What files take that no ring has.
    kept_bytes: u64,
    /// Names of pins that were dropped.
    pub(super) dropped: Vec<String>,
}

/// A pin that keeps files.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its number; that of an older one is less.
    pub id: u32,
    /// Its file.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Whether it goes before those that somebody asked for.
    pub is_automatic: bool,
}

/// A file that is pinned.
#[derive(Clone, Debug)]
pub struct PinnedFile {
    /// Its name among the pins.
    pub path: PathBuf,
    /// The same file, whatever it is called.
    pub id: FileId,
    /// What it takes on disk.
    pub size_bytes: u64,
    /// The numbers of the pins that keep it.
    pub held_by: BTreeSet<u32>,
    /// Whether a ring has it too.
    pub is_in_ring: bool,
}

impl Pinned {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.kept_bytes + self.other_bytes
    }

    pub(super) fn is_beyond_bound(&self) -> bool {
        self.kept_bytes + self.holders.len() as u64 * PAGE_BYTES > self.bound_bytes
    }

    /// What is pinned from now on. What of it rings have is to be counted then.
    pub(super) fn hold(&mut self, holders: Vec<Holder>, files: Vec<PinnedFile>, other_bytes: u64) {
        (self.holders, self.files, self.other_bytes) = (holders, files, other_bytes);
        self.count(|_| false);
    }

    /// Counts what files take that are in no ring.
    pub(super) fn count(&mut self, is_in_ring: impl Fn(FileId) -> bool) {
        self.kept_bytes = 0;
        for file in &mut self.files {
            file.is_in_ring = is_in_ring(file.id);
            self.kept_bytes += if file.is_in_ring { 0 } else { file.size_bytes };
        }
    }

    /// A ring has deleted its name of a file.
    pub(super) fn left(&mut self, id: FileId) {
        if let Some(file) = self.files.iter_mut().find(|file| file.id == id && file.is_in_ring) {
            file.is_in_ring = false;
            self.kept_bytes += file.size_bytes;
        }
    }

    /// Drops the pin that goes first, and deletes what no other pin keeps; false where there is none
    /// that takes anything. Killed in between, the next run deletes the rest.
    pub(super) fn drop_first(&mut self) -> io::Result<bool> {
        let Some(at) = self.first_to_go() else { return Ok(false) };
        let freed_bytes = pin::drop_pin(&self.holders[at].path)?;
        let Holder { id, name, .. } = self.holders.remove(at);
        self.other_bytes = self.other_bytes.saturating_sub(freed_bytes);
        self.dropped.push(name);
        for file in &mut self.files {
            file.held_by.remove(&id);
        }
        let mut failed = None;
        let kept_bytes = &mut self.kept_bytes;
        self.files.retain(|file| {
            if !file.held_by.is_empty() {
                return true;
            }
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    failed = Some(error);
                    true
                }
                _ => {
                    *kept_bytes -= if file.is_in_ring { 0 } else { file.size_bytes };
                    false
                }
            }
        });
        failed.map_or(Ok(true), Err)
    }

    /// Of the pins that nobody asked for, as long as one of them keeps anything that no ring has,
    /// else of all: the oldest without which some of that could be deleted. Where they all share what
    /// they keep that is none, and the one with the most of it goes, rather than small ones that lie
    /// in it. At last, where files of pins are too many, the oldest that keeps nothing.
    fn first_to_go(&self) -> Option<usize> {
        let mut kept = BTreeMap::new();
        for file in self.files.iter().filter(|file| !file.is_in_ring) {
            let is_alone = file.held_by.len() == 1;
            for id in &file.held_by {
                let (alone, bytes) = kept.entry(*id).or_insert((false, 0));
                *alone |= is_alone;
                *bytes += file.size_bytes;
            }
        }
        let of = |holder: &Holder| kept.get(&holder.id).copied();
        for is_asked_for in [false, true] {
            let own = |holder: &&Holder| is_asked_for || holder.is_automatic;
            let with = |id: u32| self.holders.iter().position(|holder| holder.id == id);
            let mut own_holders = self.holders.iter().filter(own);
            let alone = own_holders.find(|holder| of(holder).is_some_and(|(alone, _)| alone));
            let most = || {
                let keeping = self.holders.iter().filter(own).filter_map(|holder| {
                    of(holder).map(|(_, bytes)| (bytes, std::cmp::Reverse(holder.id)))
                });
                keeping.max().map(|(_, std::cmp::Reverse(id))| id)
            };
            if let Some(id) = alone.map(|holder| holder.id).or_else(most) {
                return with(id);
            }
        }
        let has_files =
            |holder: &Holder| self.files.iter().any(|file| file.held_by.contains(&holder.id));
        let is_idle = |holder: &Holder| !has_files(holder);
        let is_first = |holder: &Holder| holder.is_automatic && is_idle(holder);
        let first = self.holders.iter().position(is_first);
        first.or_else(|| self.holders.iter().position(is_idle))
    }
}
