//! The address space of a process: what code lies where.

use super::UserSample;
use super::asking::Whom;
use super::maps::{self, Mapping, Paths};
use super::opening;
use super::perf_map::PerfMap;
use super::reading::Reading;
use crate::kernel_files::process_stat::ProcessIdentity;
use std::io;
use std::path::Path;

/// Batches after which the list of mappings is read again, though every address was in one of it:
/// what is unloaded may have other code in its place.
const MAPPINGS_BATCHES: u64 = 256;

pub(super) struct Space {
    pid: u32,
    /// When the process started: as samples have it, and as `/proc/PID/stat` does.
    start_ns: u64,
    start_ticks: Option<u64>,
    pub(super) mappings: Vec<Mapping>,
    /// The batch in which they were read, and so on.
    read_in: u64,
    checked_in: u64,
    pub(super) used_in: u64,
    names: Option<PerfMap>,
    names_read_in: Option<u64>,
    name: Vec<u8>,
}

impl Space {
    /// Empty where the process is gone.
    pub(super) fn read(sample: &UserSample<'_>, reading: &mut Reading<'_>) -> Space {
        let mut this = Space {
            pid: sample.pid,
            start_ns: sample.start_ns,
            start_ticks: start_ticks(reading.proc, sample.pid),
            mappings: Vec::new(),
            read_in: reading.batch,
            checked_in: reading.batch,
            used_in: reading.batch,
            names: None,
            names_read_in: None,
            name: Vec::new(),
        };
        this.read_mappings(reading);
        this
    }

    /// Whether it is that of the process of a sample, and not of one that had its number before.
    pub(super) fn is_of(&mut self, sample: &UserSample<'_>, reading: &Reading<'_>) -> bool {
        if sample.start_ns != 0 && self.start_ns != 0 {
            return sample.start_ns == self.start_ns;
        }
        if self.checked_in != reading.batch {
            self.checked_in = reading.batch;
            let now = start_ticks(reading.proc, self.pid);
            return now.is_none() || now == self.start_ticks;
        }
        true
    }

    /// Whether the process is gone, or another has its number.
    pub(super) fn is_over(&self, proc: &Path) -> bool {
        start_ticks(proc, self.pid).is_none_or(|ticks| Some(ticks) != self.start_ticks)
    }

    fn read_mappings(&mut self, reading: &mut Reading<'_>) {
        self.read_in = reading.batch;
        let path = reading.proc.join(format!("{}/maps", self.pid));
        let (proc, pid) = (reading.proc.to_owned(), self.pid);
        let read = move || read_with_births(&proc, pid, &path);
        let mappings = reading.asking.ask(Whom::Process(self.pid), read);
        // Of a process that is gone stays what is known. The list of one that ends is empty.
        if let Some(Ok(mut mappings)) = mappings
            && !mappings.is_empty()
        {
            mappings.iter_mut().for_each(|mapping| reading.paths.share(mapping));
            self.mappings = mappings;
        }
    }

    /// The mapping that an address is in. Where none is known the list is read again, once a batch.
    pub(super) fn locate(&mut self, address: u64, reading: &mut Reading<'_>) -> Option<Mapping> {
        let is_old = self.read_in + MAPPINGS_BATCHES < reading.batch;
        let is_unknown = || maps::find(&self.mappings, address).is_none();
        if self.read_in != reading.batch && (is_old || is_unknown()) {
            self.read_mappings(reading);
        }
        maps::find(&self.mappings, address).cloned()
    }

    /// Puts the name of code that was made at run time into `name`, if its maker tells it.
    pub(super) fn name_of_made(
        &mut self,
        address: u64,
        reading: &Reading<'_>,
        name: &mut Vec<u8>,
    ) -> bool {
        if self.names_read_in != Some(reading.batch) {
            self.names_read_in = Some(reading.batch);
            let before = self.names.take();
            // Of a process that is gone stays what is known.
            self.names = match before {
                Some(before) if self.is_over(reading.proc) => Some(before),
                before => PerfMap::ask(reading, self.pid, before),
            };
        }
        self.names.as_ref().is_some_and(|names| names.find(address, name))
    }

    /// Whether code that was made at run time is what Python calls functions through (`-X perf`).
    pub(super) fn is_trampoline(&mut self, address: u64, reading: &Reading<'_>) -> bool {
        let mut name = std::mem::take(&mut self.name);
        let is_one = self.name_of_made(address, reading, &mut name) && name.starts_with(b"py::");
        self.name = name;
        is_one
    }

    /// Forgets the names of code that was made at run time, where they were not asked for lately.
    pub(super) fn drop_names(&mut self, before_batch: u64) {
        if self.names_read_in.is_some_and(|batch| batch < before_batch) {
            self.names = None;
        }
    }

    /// Bytes that are held for it, about.
    pub(super) fn bytes(&self) -> usize {
        let paths: usize = self.mappings.iter().map(|mapping| mapping.path.len()).sum();
        paths
            + self.mappings.capacity() * size_of::<Mapping>()
            + self.names.as_ref().map_or(0, PerfMap::bytes)
            + size_of::<Space>()
    }
}

/// The mappings of a process, with when each file was made.
fn read_with_births(proc: &Path, pid: u32, path: &Path) -> io::Result<Vec<Mapping>> {
    let mut mappings = maps::read(path, &mut Paths::default())?;
    for at in 0..mappings.len() {
        let (before, rest) = mappings.split_at_mut(at);
        let Some(mapping) = rest.first_mut().filter(|mapping| mapping.key.is_some()) else {
            continue;
        };
        // Most have one that can be executed, or two in a row.
        let known = before.last().filter(|other| other.key == mapping.key);
        mapping.born_ns = match known {
            Some(known) => known.born_ns,
            None => opening::born_ns(proc, pid, mapping),
        };
    }
    Ok(mappings)
}

fn start_ticks(proc: &Path, pid: u32) -> Option<u64> {
    ProcessIdentity::read(proc, pid).map(|process| process.start_ticks)
}
