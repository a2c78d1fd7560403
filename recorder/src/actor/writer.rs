//! The writer: takes records in, and commits them to disk. It has a thread of its own, and all
//! work on the disk is done there.
//!
//! # When it commits
//!
//! No sample may wait for more than a second, and a commit costs the same whether it holds one
//! record or hundreds. So a batch that comes a second after the last commit is committed at once:
//! with sources at 1 s that is right after they were sampled, and the writer wakes for it anyway.
//! Sources that are faster send up to four batches a second; those are committed by a timer, as late
//! as the oldest sample allows: a sample is not safe when its commit begins but when it has ended, so
//! what commits took of late is set aside. To commit with a batch that comes before that saves the
//! timer's wake and costs a third more commits, which are dearer.

use super::kept::Kept;
use super::message::{AddTables, Batch, Close, Closed, SetSizes};
use crate::overhead::Overhead;
use actix::{Actor, AsyncContext, Context, Handler, MessageResult, SpawnHandle};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::writer::{Commit, RecordingWriter, WriteError, WriterStats};
use nodemon_formats::{Gap, GapCause};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A batch this long after the last commit is committed at once: a second, less what the wakes of
/// sources may scatter.
const COMMIT_EVERY_NS: u64 = 900_000_000;
/// No sample may be older than this before it is durable.
const DURABLE_WITHIN_NS: u64 = 1_000_000_000;
/// What wakes may scatter, and the least that a commit is taken to last.
const SCATTER_NS: u64 = 25_000_000;
/// Messages that may wait. What they hold is bounded in bytes by the queue; this bounds the rest.
const MAILBOX: usize = 256;

/// The writer actor.
pub struct Writer {
    /// `None` once it is closed.
    recording: Option<Kept>,
    overhead: Arc<Overhead>,
    /// Time of the oldest sample that is not durable, `CLOCK_BOOTTIME` ns.
    oldest_ns: Option<u64>,
    last_commit_ns: u64,
    /// How long a commit may take, by what the last ones took.
    expected_commit_ns: u64,
    latest: Option<SpawnHandle>,
    disk: Disk,
    totals: WriterStats,
    /// Samples of records that were malformed.
    refused_samples: u64,
    /// Samples in the gaps that came from sources.
    missed_samples: u64,
    /// Samples that were not taken because what takes them was starting.
    starting_samples: u64,
    /// Where the gap of the last of them ends, by table, `CLOCK_BOOTTIME` ns.
    refused_until: BTreeMap<String, u64>,
}

/// How the disk did in the last commit.
enum Disk {
    Works,
    /// Since when it refuses, `CLOCK_BOOTTIME` ns.
    Refuses {
        since_ns: u64,
    },
}

impl Writer {
    /// A writer to `recording`.
    pub fn new(recording: RecordingWriter, overhead: Arc<Overhead>) -> Writer {
        Writer {
            recording: Some(Kept::new(recording)),
            overhead,
            oldest_ns: None,
            last_commit_ns: 0,
            expected_commit_ns: 0,
            latest: None,
            disk: Disk::Works,
            totals: WriterStats::default(),
            refused_samples: 0,
            missed_samples: 0,
            starting_samples: 0,
            refused_until: BTreeMap::new(),
        }
    }

    fn take_in(&mut self, batch: Batch) {
        let Some(recording) = &mut self.recording else { return };
        for gap in batch.gaps {
            match gap.is_of_start() {
                true => self.starting_samples += gap.lost,
                false => self.missed_samples += gap.lost,
            }
            recording.gap(gap);
            self.oldest_ns.get_or_insert_with(boottime_ns);
        }
        for sent in batch.records {
            let contents = sent.contents;
            if let Err(error) = recording.push(&sent) {
                tracing::error!("a record of table {} was refused: {error}", sent.feed.table);
                self.refused_samples += contents.samples;
                let table = &sent.feed.table;
                let (from_ns, to_ns) = contents.between_others(sent.feed.interval_ns);
                // Of two in a row the second begins where the first ends.
                let told_ns = self.refused_until.insert(table.clone(), to_ns).unwrap_or(0);
                recording.gap(Gap {
                    table: table.clone(),
                    cause: GapCause::SourceFailed,
                    from_ns: from_ns.max(told_ns).min(to_ns),
                    to_ns,
                    lost: contents.samples,
                    detail: error.to_string(),
                });
                continue;
            }
            let oldest_ns = self.oldest_ns.unwrap_or(contents.first_ns);
            self.oldest_ns = Some(oldest_ns.min(contents.first_ns));
        }
    }

    fn commit_if_due(&mut self, ctx: &mut Context<Writer>) {
        let now_ns = boottime_ns();
        let Some(oldest_ns) = self.oldest_ns else { return };
        let since_ns = now_ns.saturating_sub(self.last_commit_ns);
        let age_ns = now_ns.saturating_sub(oldest_ns);
        let latest_ns = latest_commit_ns(self.expected_commit_ns);
        if since_ns >= COMMIT_EVERY_NS || age_ns >= latest_ns {
            self.commit(ctx);
        } else if self.latest.is_none() {
            let wait = Duration::from_nanos(latest_ns - age_ns);
            self.latest = Some(ctx.run_later(wait, |writer, ctx| {
                writer.latest = None;
                writer.commit(ctx);
            }));
        }
    }

    fn commit(&mut self, ctx: &mut Context<Writer>) {
        if let Some(latest) = self.latest.take() {
            ctx.cancel_future(latest);
        }
        self.oldest_ns = None;
        let Some(recording) = &mut self.recording else { return };
        let start_ns = boottime_ns();
        self.last_commit_ns = start_ns;
        let result = recording.commit();
        self.totals = recording.stats();
        self.tell(&result, start_ns);
    }

    /// Counts a commit that began at `start_ns`, and says when the disk begins or ceases to refuse.
    fn tell(&mut self, result: &Result<Commit, WriteError>, start_ns: u64) {
        let took_ns = boottime_ns().saturating_sub(start_ns);
        let (counts, totals) = (&self.overhead.writer, &self.totals);
        self.expected_commit_ns = expected_commit_ns(self.expected_commit_ns, took_ns);
        counts.commits.add(1);
        counts.commit_ns.add(took_ns);
        counts.commit_max_ns.raise(took_ns);
        counts.written_bytes.set(totals.bytes);
        counts.blocks.set(totals.blocks);
        counts.samples_in.set(totals.samples_in);
        counts.samples_stored.set(totals.samples_stored);
        counts.samples_lost.set(totals.samples_lost + self.refused_samples);
        counts.evicted_segments.set(totals.evicted);
        match (result, &self.disk) {
            (Ok(_), Disk::Works) => {}
            (Ok(_), Disk::Refuses { since_ns }) => {
                let seconds = start_ns.saturating_sub(*since_ns) / 1_000_000_000;
                tracing::warn!("writes succeed again after {seconds} s; recorded as a gap");
                self.disk = Disk::Works;
            }
            (Err(error), disk) => {
                counts.failed_commits.add(1);
                if matches!(disk, Disk::Works) {
                    tracing::error!(
                        "{error}; writing pauses until it works again, and what comes in between \
                         will be a gap"
                    );
                    self.disk = Disk::Refuses { since_ns: start_ns };
                }
            }
        }
    }
}

/// At which age of the oldest sample a commit must begin that is expected to take `expected_ns`.
fn latest_commit_ns(expected_ns: u64) -> u64 {
    DURABLE_WITHIN_NS.saturating_sub(SCATTER_NS + expected_ns)
}

/// What commits are expected to take after one that took `took_ns`: the longest of late, which is
/// forgotten by and by.
fn expected_commit_ns(before_ns: u64, took_ns: u64) -> u64 {
    took_ns.max(before_ns - before_ns / 16)
}

impl Actor for Writer {
    type Context = Context<Writer>;

    fn started(&mut self, ctx: &mut Context<Writer>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Batch> for Writer {
    type Result = ();

    fn handle(&mut self, batch: Batch, ctx: &mut Context<Writer>) {
        self.take_in(batch);
        self.commit_if_due(ctx);
    }
}

impl Handler<AddTables> for Writer {
    type Result = MessageResult<AddTables>;

    fn handle(&mut self, message: AddTables, _: &mut Context<Writer>) -> Self::Result {
        let Some(recording) = &mut self.recording else { return MessageResult(Vec::new()) };
        MessageResult(message.0.into_iter().map(|table| recording.add_table(table)).collect())
    }
}

impl Handler<SetSizes> for Writer {
    type Result = Result<(), WriteError>;

    fn handle(&mut self, message: SetSizes, _: &mut Context<Writer>) -> Self::Result {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        recording.set_sizes(&message.0)
    }
}

impl Handler<Close> for Writer {
    type Result = MessageResult<Close>;

    fn handle(&mut self, _: Close, _: &mut Context<Writer>) -> Self::Result {
        let last = match self.recording.take() {
            Some(recording) => {
                let start_ns = boottime_ns();
                let (result, totals) = recording.close();
                self.totals = totals;
                self.tell(&result, start_ns);
                result
            }
            None => Ok(Commit::default()),
        };
        let WriterStats { samples_in, samples_stored, samples_lost, .. } = self.totals;
        let undurable = if last.is_err() { samples_in - samples_stored - samples_lost } else { 0 };
        let lost = samples_lost + undurable + self.refused_samples + self.missed_samples;
        MessageResult(Closed { last, totals: self.totals, lost, starting: self.starting_samples })
    }
}

#[cfg(test)]
mod tests {
    use super::{expected_commit_ns, latest_commit_ns};

    const MS: u64 = 1_000_000;

    /// How old the oldest sample is when it is durable, of a source at 10 ms whose batches come
    /// every quarter of a second, by commits that take `took_ns`: the timer is set when it comes.
    fn age_when_durable_ns(took_ns: u64) -> u64 {
        let latest_ns = latest_commit_ns(expected_commit_ns(0, took_ns));
        let first_batch_ns = 240 * MS;
        first_batch_ns.max(latest_ns) + took_ns
    }

    #[test]
    fn a_sample_is_durable_within_a_second_however_long_commits_take() {
        for took_ms in [0, 1, 9, 11, 20, 100, 230, 300, 480, 500, 700] {
            let age_ms = age_when_durable_ns(took_ms * MS) / MS;
            assert!(age_ms <= 1000, "commits take {took_ms} ms, a sample {age_ms} ms");
        }
    }

    #[test]
    fn one_slow_commit_is_remembered_for_some_seconds_and_forgotten_within_a_few_minutes() {
        let mut expected_ns = expected_commit_ns(0, 600 * MS);
        let mut commits = 0;
        while expected_ns > 10 * MS {
            expected_ns = expected_commit_ns(expected_ns, 5 * MS);
            commits += 1;
        }
        assert!((10..100).contains(&commits), "after {commits} commits");
    }
}
