//! The writer: takes records in, and commits them to disk. It has a thread of its own, and all
//! work on the disk is done there.

pub mod commit_times;
mod kept;

use crate::actor::message::{AddTables, Batch, Close, Closed, SetSizes};
use crate::overhead::Overhead;
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, SpawnHandle, fut,
};
use commit_times::{CommitTimes, SenderId};
use kept::Kept;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::writer::{Commit, PinEvent, RecordingWriter, WriteError, WriterStats};
use nodemon_formats::{Gap, GapCause};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Messages that may wait. What they hold is bounded in bytes by the queue; this bounds the rest.
const MAILBOX: usize = 256;

/// The writer actor.
pub struct Writer {
    /// `None` once it is closed.
    recording: Option<Kept>,
    overhead: Arc<Overhead>,
    times: CommitTimes,
    /// Commits when it must be, `CLOCK_BOOTTIME` ns.
    timer: Option<(u64, SpawnHandle)>,
    /// Whether it commits as soon as all that waits is taken in.
    is_due: bool,
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
            times: CommitTimes::default(),
            timer: None,
            is_due: false,
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
            self.times.took_now();
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
            self.times.took(contents.first_ns);
        }
    }

    fn commit_if_due(&mut self, sender: SenderId, next_ns: Option<u64>, ctx: &mut Context<Writer>) {
        let now_ns = boottime_ns();
        let Some(due_ns) = self.times.batch(sender, next_ns, now_ns) else { return };
        if due_ns <= now_ns {
            // When the mailbox is empty: while a commit takes long, others gather there, and a commit
            // for each of them would leave more behind than it takes away.
            if !std::mem::replace(&mut self.is_due, true) {
                ctx.spawn(fut::ready(()).map(|(), writer: &mut Writer, ctx| {
                    // The timer may have come first.
                    if writer.is_due {
                        writer.commit(ctx);
                    }
                }));
            }
            return;
        }
        match self.timer {
            Some((set_ns, _)) if set_ns <= due_ns => return,
            Some((_, timer)) => _ = ctx.cancel_future(timer),
            None => {}
        }
        let timer = ctx.run_later(Duration::from_nanos(due_ns - now_ns), |writer, ctx| {
            writer.timer = None;
            writer.commit(ctx);
        });
        self.timer = Some((due_ns, timer));
    }

    fn commit(&mut self, ctx: &mut Context<Writer>) {
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.is_due = false;
        let Some(recording) = &mut self.recording else { return };
        let start_ns = boottime_ns();
        self.times.begins();
        let result = recording.commit();
        self.totals = recording.stats();
        recording.take_pin_events().iter().for_each(tell_of_pin);
        self.report(&result, start_ns);
    }

    /// Counts a commit that began at `start_ns`, and says when the disk begins or ceases to refuse.
    fn report(&mut self, result: &Result<Commit, WriteError>, start_ns: u64) {
        let took_ns = boottime_ns().saturating_sub(start_ns);
        let (counts, totals) = (&self.overhead.writer, &self.totals);
        self.times.ended(took_ns);
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

fn tell_of_pin(event: &PinEvent) {
    match event {
        PinEvent::Found { .. } => tracing::info!("{event}"),
        _ => tracing::warn!("{event}"),
    }
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
        let (sender, next_ns) = (batch.sender, batch.next_ns);
        self.take_in(batch);
        self.commit_if_due(sender, next_ns, ctx);
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
                self.report(&result, start_ns);
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
