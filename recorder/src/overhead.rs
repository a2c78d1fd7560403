//! What the recorder costs, counted where it arises and recorded by the source `recorder`.
//!
//! Every number is an atomic of its own that one thread writes and another reads once a second: a
//! reader may see one of them a moment before its neighbour, which a rate over a second does not
//! show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number that grows, or is set, by one thread and is read by another.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Takes from it.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets it where `value` is larger.
    pub fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What it was, starting over at 0.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// What the whole recorder counts about itself.
#[derive(Debug, Default)]
pub struct Overhead {
    /// The writer and the way to it.
    pub writer: WriterOverhead,
    sources: Mutex<Vec<Arc<SourceOverhead>>>,
}

impl Overhead {
    /// The counts of the source `name`, which go on where they were when it is started anew.
    pub fn source(&self, name: &'static str) -> Arc<SourceOverhead> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.iter().find(|source| source.name == name) {
            return known.clone();
        }
        let new = Arc::new(SourceOverhead { name, ..SourceOverhead::default() });
        sources.push(new.clone());
        new
    }

    /// Shows the counts of every source to `look`, in the order in which they were started.
    pub fn each_source(&self, look: impl FnMut(&Arc<SourceOverhead>)) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(look);
    }
}

/// What the writer counts.
#[derive(Debug, Default)]
pub struct WriterOverhead {
    /// Commits so far.
    pub commits: Tally,
    /// Commits that the disk refused.
    pub failed_commits: Tally,
    /// Time spent in commits so far, ns.
    pub commit_ns: Tally,
    /// The longest commit since it was last taken, ns.
    pub commit_max_ns: Tally,
    /// Bytes written so far: blocks and journal.
    pub written_bytes: Tally,
    /// Blocks sealed so far.
    pub blocks: Tally,
    /// Samples that reached the writer so far.
    pub samples_in: Tally,
    /// Samples that are durable so far.
    pub samples_stored: Tally,
    /// Samples that the writer had to count into gaps so far.
    pub samples_lost: Tally,
    /// Segments deleted so far to make room.
    pub evicted_segments: Tally,
    /// Bytes of records between sources and writer now.
    pub queue_bytes: Tally,
    /// The most that was between them since it was last taken, bytes.
    pub queue_max_bytes: Tally,
    /// Records that were dropped on the way because the queue was full.
    pub dropped_records: Tally,
}

/// What one source counts.
#[derive(Debug, Default)]
pub struct SourceOverhead {
    /// Its name.
    pub name: &'static str,
    /// Samples taken so far.
    pub samples: Tally,
    /// Samples that failed, and failed attempts to open it, so far.
    pub errors: Tally,
    /// Samples dropped so far because the queue to the writer was full.
    pub dropped: Tally,
    /// What was lost in the kernel so far, before it came here.
    pub lost_in_kernel: Tally,
    /// Sampling deadlines that it missed so far: it woke too late, failed, or did not come back.
    pub late_ticks: Tally,
    /// Time spent sampling so far, ns.
    pub sampling_ns: Tally,
    /// How long the last sample took, ns.
    pub last_ns: Tally,
    /// For how long it has not come back from a call that timed out, ns; 0 when it has.
    pub stuck_ns: Tally,
}
