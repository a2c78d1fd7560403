//! The way from the sources of one thread to the writer.
//!
//! What the sources of a round put in goes to the writer as one message, so that it wakes once a
//! round and not once a source. Nobody waits: what finds no room is dropped and leaves a gap, and
//! the gap is kept until there is room for it.

use super::alert::Alert;
use super::message::{Batch, Contents, Feed, Sent, Waiting};
use super::writer::Writer;
use crate::overhead::Overhead;
use actix::Addr;
use actix::prelude::SendError;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{Gap, GapCause};
use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Collects what the sources of one thread send.
pub struct Outbox {
    writer: Addr<Writer>,
    alert: Alert,
    overhead: Arc<Overhead>,
    queue_size_bytes: u64,
    state: RefCell<State>,
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
    ) -> Rc<Outbox> {
        Rc::new(Outbox { writer, alert, overhead, queue_size_bytes, state: RefCell::default() })
    }

    /// Archives what `builder` holds and puts it in. Where there is no room for it, it is dropped
    /// and becomes a gap.
    pub fn put(&self, feed: &Arc<Feed>, builder: &mut RecordBuilder) {
        let Some((first_ns, last_ns)) = builder.span_ns() else { return };
        let contents = Contents { samples: builder.samples() as u64, first_ns, last_ns };
        let Some(mut buffer) = feed.pool.take() else {
            builder.clear();
            return self.gap(self.lost(feed, contents, ""));
        };
        if let Err(error) = builder.finish(feed.number, &mut buffer) {
            return self.gap(self.lost(feed, contents, &error.to_string()));
        }
        let size_bytes = buffer.len() as u64;
        match Waiting::within(&self.overhead, size_bytes, self.queue_size_bytes) {
            Some(waiting) => {
                let sent = Sent { buffer, feed: feed.clone(), contents, waiting };
                let mut state = self.state.borrow_mut();
                state.batch.records.push(sent);
                state.freshen();
            }
            None => self.gap(self.lost(feed, contents, "")),
        }
    }

    /// Puts a gap in. It goes with the next records, and needs no wake of its own.
    pub fn gap(&self, gap: Gap) {
        add_gap(&mut self.state.borrow_mut().batch.gaps, gap);
    }

    /// Has what was put in sent even if no records come.
    pub fn send_soon(&self) {
        self.state.borrow_mut().freshen();
    }

    /// Sends what is put in, for ever. Its turn comes after that of the sources which were woken
    /// together, so one batch holds what all of them put in.
    pub async fn run(self: Rc<Outbox>) {
        loop {
            poll_fn(|cx| {
                let mut state = self.state.borrow_mut();
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
    fn send(&self) {
        let batch = mem::take(&mut self.state.borrow_mut().batch);
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
            add_gap(&mut gaps, self.lost(&sent.feed, sent.contents, ""));
        }
        self.state.borrow_mut().batch.gaps = gaps;
    }

    /// Sends what is left, and waits until there is room for it.
    pub async fn finish(&self) {
        let batch = mem::take(&mut self.state.borrow_mut().batch);
        if let Err(error) = self.writer.send(batch).await {
            tracing::error!("the last records did not reach the writer: {error}");
        }
    }

    /// Counts what a record held as lost, and makes the gap that it leaves.
    fn lost(&self, feed: &Feed, contents: Contents, detail: &str) -> Gap {
        feed.overhead.dropped.add(contents.samples);
        self.overhead.writer.dropped_records.add(1);
        Gap {
            table: feed.table.clone(),
            cause: GapCause::QueueFull,
            from_ns: contents.first_ns.saturating_sub(feed.interval_ns),
            to_ns: contents.last_ns + feed.interval_ns,
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

/// So many gaps wait apart from each other; memory must stay bounded while nothing can be sent.
const MOST_GAPS: usize = 1000;

/// Adds `gap`. One that goes on where another of its kind ends makes that one longer; so does one
/// too many.
fn add_gap(gaps: &mut Vec<Gap>, gap: Gap) {
    let is_full = gaps.len() >= MOST_GAPS;
    let same = gaps.iter_mut().rev().find(|old| {
        old.table == gap.table && old.cause == gap.cause && (is_full || old.detail == gap.detail)
    });
    match same {
        Some(old) if is_full || gap.from_ns <= old.to_ns => {
            old.to_ns = old.to_ns.max(gap.to_ns);
            old.lost += gap.lost;
        }
        _ => gaps.push(gap),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_GAPS, add_gap};
    use nodemon_formats::{Gap, GapCause};

    fn gap(table: &str, from_ns: u64, to_ns: u64) -> Gap {
        let cause = GapCause::QueueFull;
        Gap { table: table.into(), cause, from_ns, to_ns, lost: 1, detail: String::new() }
    }

    #[test]
    fn a_queue_that_stays_full_leaves_one_gap_a_table_that_counts_every_sample() {
        let mut gaps = Vec::new();
        for second in 1..=1000 {
            for table in ["cpu", "disk"] {
                add_gap(&mut gaps, gap(table, second - 1, second + 1));
            }
        }
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        for gap in &gaps {
            assert_eq!((gap.from_ns, gap.to_ns, gap.lost), (0, 1001, 1000));
        }
    }

    #[test]
    fn gaps_with_data_in_between_stay_apart() {
        let mut gaps = Vec::new();
        add_gap(&mut gaps, gap("cpu", 0, 10));
        add_gap(&mut gaps, gap("cpu", 20, 30));
        add_gap(&mut gaps, Gap { cause: GapCause::Late, ..gap("cpu", 20, 30) });
        assert_eq!(gaps.len(), 3, "{gaps:?}");
    }

    #[test]
    fn however_many_gaps_there_are_they_take_bounded_memory_and_lose_no_sample() {
        let mut gaps = Vec::new();
        for n in 0..10 * MOST_GAPS as u64 {
            add_gap(&mut gaps, gap("cpu", n * 100, n * 100 + 1));
        }
        assert_eq!(gaps.len(), MOST_GAPS);
        assert_eq!(gaps.iter().map(|gap| gap.lost).sum::<u64>(), 10 * MOST_GAPS as u64);
    }
}
