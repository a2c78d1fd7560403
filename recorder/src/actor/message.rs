//! What actors say to each other.

use crate::actor::writer::commit_times::SenderId;
use crate::overhead::{Overhead, SourceOverhead};
use crate::trigger::TableTriggers;
use actix::Message;
use nodemon_formats::record::{BufferPool, PooledBuffer};
use nodemon_formats::writer::WriterOptions;
use nodemon_formats::writer::{Commit, WriteError, WriterStats};
use nodemon_formats::{Gap, Schema};
use std::sync::Arc;
use std::time::Duration;

/// Records of one round of sampling, on their way to the writer.
#[derive(Message, Default)]
#[rtype(result = "()")]
pub struct Batch {
    /// The records.
    pub records: Vec<QueuedRecord>,
    /// Gaps that came up since the last batch.
    pub gaps: Vec<Gap>,
    /// Who sends it.
    pub sender: SenderId,
    /// When the next comes, `CLOCK_BOOTTIME` ns, where that is known.
    pub next_ns: Option<u64>,
}

/// One record on its way to the writer.
pub struct QueuedRecord {
    /// Its bytes.
    pub buffer: PooledBuffer,
    /// The table it belongs to.
    pub feed: Arc<Feed>,
    /// What it holds.
    pub contents: Contents,
    /// Counted as waiting until this is dropped.
    pub permit: QueuePermit,
}

/// What a record holds, for the gap that it leaves when it is lost.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    /// Samples or events.
    pub samples: u64,
    /// Time of the first of them, `CLOCK_BOOTTIME` ns.
    pub first_ns: u64,
    /// Time of the last of them, `CLOCK_BOOTTIME` ns.
    pub last_ns: u64,
}

impl Contents {
    /// From the sample before to the one behind, which come every `interval_ns`, `CLOCK_BOOTTIME`
    /// ns.
    pub fn between_others(&self, interval_ns: u64) -> (u64, u64) {
        (self.first_ns.saturating_sub(interval_ns), self.last_ns + interval_ns)
    }
}

/// One table of a running source.
pub struct Feed {
    /// The name of the table.
    pub table: String,
    /// The number under which the writer knows it.
    pub number: u32,
    /// Time between two samples, ns; 0 for events.
    pub interval_ns: u64,
    /// Buffers for its records.
    pub pool: BufferPool,
    /// Counts of its source.
    pub overhead: Arc<SourceOverhead>,
    /// The rules that look at it.
    pub triggers: Arc<TableTriggers>,
}

/// What a trigger asks of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// How often to sample it, if that is not less often than otherwise.
    pub every: Duration,
    /// Until when, `CLOCK_BOOTTIME` ns.
    pub until_ns: u64,
}

/// Bytes that wait for the writer; they wait no longer when this is dropped.
pub struct QueuePermit {
    overhead: Arc<Overhead>,
    size_bytes: u64,
}

impl QueuePermit {
    /// Counts `size_bytes` as waiting, unless more than `most_bytes` would wait then.
    pub fn within(
        overhead: &Arc<Overhead>,
        size_bytes: u64,
        most_bytes: u64,
    ) -> Option<QueuePermit> {
        let queue = &overhead.writer.queue_bytes;
        // Counted before it is looked at, so that two threads cannot both take the last room.
        queue.add(size_bytes);
        let permit = QueuePermit { overhead: overhead.clone(), size_bytes };
        let now = queue.get();
        if now > most_bytes {
            return None;
        }
        overhead.writer.queue_max_bytes.raise(now);
        Some(permit)
    }
}

impl Drop for QueuePermit {
    fn drop(&mut self) {
        self.overhead.writer.queue_bytes.sub(self.size_bytes);
    }
}

/// Asks the writer to make tables known. The answer has their numbers, in the same order.
#[derive(Message)]
#[rtype(result = "Vec<u32>")]
pub struct AddTables(pub Vec<Schema>);

/// Asks the writer to change the size of the ring and how it is split.
#[derive(Message)]
#[rtype(result = "Result<(), WriteError>")]
pub struct SetSizes(pub WriterOptions);

/// Asks the writer to make everything durable and close the recording.
#[derive(Message)]
#[rtype(result = "Closed")]
pub struct Close;

/// How the writer ended.
pub struct Closed {
    /// What closing did, or why it failed.
    pub last: Result<Commit, WriteError>,
    /// Totals since the start, the last commit included.
    pub totals: WriterStats,
    /// Samples and events that gaps count, wherever they were lost: what a reader finds in the gaps
    /// of this run.
    pub lost: u64,
    /// Samples that were not taken because what takes them was starting.
    pub starting: u64,
}
