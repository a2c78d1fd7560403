//! The way from the sources of one thread to the writer.
//!
//! What the sources of a round put in goes to the writer as one message, so that it wakes once a
//! round and not once a source. Nobody waits: what finds no room is dropped and leaves a gap, and
//! the gap is kept until there is room for it.

use super::gaps::add_gap;
use crate::actor::alert::Alert;
use crate::actor::message::{Batch, Contents, Feed, QueuePermit, QueuedRecord};
use crate::actor::writer::Writer;
use crate::overhead::Overhead;
use actix::Addr;
use actix::prelude::SendError;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{Gap, GapCause};
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Collects what the sources of one thread send. Another thread may send it for them when that one
/// hangs, so it stands behind a lock that nobody else ever holds otherwise.
pub struct Outbox {
    writer: Addr<Writer>,
    alert: Alert,
    overhead: Arc<Overhead>,
    queue_size_bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    batch: Batch,
    /// Whether there is something to send since the last attempt.
    is_fresh: bool,
    /// Who sends, to be told then.
    sender: Option<Waker>,
}

impl Outbox {
    /// An outbox to `writer`, in whose queue there may be `queue_size_bytes` from all outboxes
    /// that share `overhead`.
    pub fn new(
        writer: Addr<Writer>,
        alert: Alert,
        overhead: Arc<Overhead>,
        queue_size_bytes: u64,
    ) -> Arc<Outbox> {
        Arc::new(Outbox { writer, alert, overhead, queue_size_bytes, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Archives what `builder` holds and puts it in. Where there is no room for it, it is dropped
    /// and becomes a gap.
    pub fn put(&self, feed: &Arc<Feed>, builder: &mut RecordBuilder) {
        let Some((first_ns, last_ns)) = builder.span_ns() else { return };
        let contents = Contents { samples: builder.samples() as u64, first_ns, last_ns };
        let Some(mut buffer) = feed.pool.take() else {
            builder.clear();
            return self.gap(self.lost(feed, contents, ""), 0);
        };
        if let Err(error) = builder.finish(feed.number, &mut buffer) {
            return self.gap(self.lost(feed, contents, &error.to_string()), 0);
        }
        let size_bytes = buffer.len() as u64;
        match QueuePermit::within(&self.overhead, size_bytes, self.queue_size_bytes) {
            Some(permit) => {
                let sent = QueuedRecord { buffer, feed: feed.clone(), contents, permit };
                let mut state = self.state();
                state.batch.records.push(sent);
                state.freshen();
            }
            None => self.gap(self.lost(feed, contents, ""), 0),
        }
    }

    /// Puts a gap in, which is made one with another that ends up to `slack_ns` before it. It goes
    /// with the next records, and needs no wake of its own.
    pub fn gap(&self, gap: Gap, slack_ns: u64) {
        add_gap(&mut self.state().batch.gaps, gap, slack_ns);
    }

    /// A source whose turn was at `deadline_ns` will put more in at `next_ns`, both `CLOCK_BOOTTIME`
    /// ns.
    pub fn announce(&self, deadline_ns: u64, next_ns: u64) {
        let mut state = self.state();
        // What was said in a turn after which nothing was sent is over.
        let before_ns = state.batch.next_ns.filter(|before_ns| *before_ns > deadline_ns);
        state.batch.next_ns = Some(before_ns.unwrap_or(u64::MAX).min(next_ns));
    }

    /// Has what was put in sent even if no records come.
    pub fn send_soon(&self) {
        self.state().freshen();
    }

    /// Sends what is put in, for ever. Its turn comes after that of the sources which were woken
    /// together, so one batch holds what all of them put in.
    pub async fn run(self: Arc<Outbox>) {
        loop {
            poll_fn(|cx| {
                let mut state = self.state();
                if mem::take(&mut state.is_fresh) {
                    return Poll::Ready(());
                }
                state.sender = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
            self.send();
        }
    }

    /// Sends what is there. When the writer's mailbox is full, records become gaps, and gaps stay
    /// for the next time.
    pub fn send(&self) {
        let mut batch = mem::take(&mut self.state().batch);
        batch.sender = std::ptr::from_ref(self).addr();
        // The watchdog looks whether there is something; the writer is not woken for nothing.
        if batch.records.is_empty() && batch.gaps.is_empty() {
            return;
        }
        let batch = match self.writer.try_send(batch) {
            Ok(()) => return,
            Err(SendError::Full(batch)) => batch,
            Err(SendError::Closed(batch)) => {
                self.alert.raise("the writer has died");
                batch
            }
        };
        let mut gaps = batch.gaps;
        for sent in batch.records {
            add_gap(&mut gaps, self.lost(&sent.feed, sent.contents, ""), 0);
        }
        let mut state = self.state();
        gaps.append(&mut state.batch.gaps);
        state.batch.gaps = gaps;
    }

    /// Sends what is left, and waits until there is room for it.
    pub async fn finish(&self) {
        let batch = mem::take(&mut self.state().batch);
        if let Err(error) = self.writer.send(batch).await {
            tracing::error!("the last records did not reach the writer: {error}");
        }
    }

    /// Counts what a record held as lost, and makes the gap that it leaves.
    fn lost(&self, feed: &Feed, contents: Contents, detail: &str) -> Gap {
        feed.overhead.dropped.add(contents.samples);
        self.overhead.writer.dropped_records.add(1);
        let (from_ns, to_ns) = contents.between_others(feed.interval_ns);
        Gap {
            table: feed.table.clone(),
            cause: GapCause::QueueFull,
            from_ns,
            to_ns,
            lost: contents.samples,
            detail: detail.to_owned(),
        }
    }
}

impl State {
    fn freshen(&mut self) {
        self.is_fresh = true;
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Alert, Outbox, Writer};
    use crate::actor::message::{AddTables, Close, Feed};
    use crate::overhead::Overhead;
    use crate::trigger::Triggers;
    use actix::{Actor, Arbiter, System};
    use nodemon_formats::clock::boottime_ns;
    use nodemon_formats::reader::Recording;
    use nodemon_formats::record::{BufferPool, RecordBuilder};
    use nodemon_formats::writer::{RecordingWriter, WriterOptions};
    use nodemon_formats::{GapCause, Schema, schema::unit};
    use std::sync::Arc;

    /// What a writer made of what was sent to it while it stood still.
    struct Written {
        dir: tempfile::TempDir,
        overhead: Arc<Overhead>,
        /// Commits that it made before it was closed.
        commits: u64,
    }

    /// Has a writer stand still while so many batches of one sample are sent to it, whose samples are
    /// so old.
    fn written(batches: u64, age_ns: u64) -> Written {
        let dir = tempfile::tempdir().unwrap();
        let schema = Schema::sample("load", "test", "A number").counter("n", unit::COUNT, "it");
        let overhead = Arc::<Overhead>::default();
        let recording = RecordingWriter::open(dir.path(), WriterOptions::new(64 << 20)).unwrap();
        let commits = System::new().block_on(async {
            let (thread, counted) = (Arbiter::new(), overhead.clone());
            let writer = Writer::start_in_arbiter(&thread.handle(), move |_| {
                Writer::new(recording, counted)
            });
            let numbers = writer.send(AddTables(vec![schema.clone()])).await.unwrap();
            let outbox = Outbox::new(writer.clone(), Alert::new().0, overhead.clone(), u64::MAX);
            let feed = Arc::new(Feed {
                table: schema.name.clone(),
                number: numbers[0],
                interval_ns: 1,
                pool: BufferPool::new(batches as usize),
                overhead: overhead.source("test"),
                triggers: Triggers::default().table(&schema),
            });
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            thread.spawn_fn(move || wait.recv().unwrap());
            let mut record = RecordBuilder::new(&schema);
            for n in 0..batches {
                record.begin_sample(boottime_ns() - age_ns);
                record.u64(n);
                record.end_sample();
                outbox.put(&feed, &mut record);
                outbox.send();
            }
            go_on.send(()).unwrap();
            outbox.finish().await;
            // It comes behind all batches, and commits what is left.
            writer.send(Close).await.unwrap().last.unwrap();
            thread.stop();
            overhead.writer.commits.get()
        });
        Written { dir, overhead, commits }
    }

    #[test]
    fn a_full_mailbox_turns_records_into_a_gap_that_arrives_once_there_is_room() {
        const SENT: u64 = 1000;
        let Written { dir, overhead, .. } = written(SENT, 0);
        let recording = Recording::open(dir.path()).unwrap();
        let stored = recording.table("load").unwrap().unwrap().rows;
        let gaps = recording.gaps(Some("load"), i64::MIN, i64::MAX).unwrap();
        let full = gaps.iter().filter(|gap| gap.gap.cause == GapCause::QueueFull);
        let lost: u64 = full.map(|gap| gap.gap.lost).sum();
        assert!(lost > 0 && stored > 0, "{stored} stored, {lost} lost");
        assert_eq!(stored + lost, SENT, "samples in = stored + in gaps: {gaps:?}");
        assert_eq!(overhead.source("test").dropped.get(), lost);
    }

    #[test]
    fn batches_that_came_too_late_while_the_writer_stood_still_are_one_commit() {
        const TWO_SECONDS_NS: u64 = 2_000_000_000;
        let Written { commits, .. } = written(100, TWO_SECONDS_NS);
        // One more for each second that a busy machine takes for it.
        assert!((1..=5).contains(&commits), "{commits} commits for 100 batches that wait");
    }
}
