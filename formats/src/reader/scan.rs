//! A scan: rows of one table over a span of time, as a stream.

use super::ReadError;
use super::ahead::Ahead;
use super::decode;
use super::item::{Rollup, ScanItem, ScanRequest};
use super::open::OpenSegment;
use super::plan::{SegmentPlan, Wanted, plan};
use super::timeline::Timeline;
use crate::block::{Block, Decompressor};
use crate::chunk::BufferPool;
use std::collections::VecDeque;
use std::sync::Arc;

/// Blocks decoded ahead of the consumer, for each thread.
const AHEAD: usize = 4;

/// Below this many bytes of blocks in a segment, threads cost more than they bring.
const WORTH_THREADS_BYTES: u64 = 2 << 20;

/// The running scan: an iterator over its items in order of time. Holds a few blocks at a time,
/// however long the span is.
pub struct Scan {
    segments: VecDeque<(Arc<OpenSegment>, Arc<Wanted>)>,
    work: Arc<Work>,
    threads: usize,
    /// Items that are ready: problems that planning found, the steps of a tier's block.
    ready: VecDeque<Result<ScanItem, ReadError>>,
    current: Option<Current>,
    decompressor: Decompressor,
}

/// What every block of a scan is decoded by.
struct Work {
    timeline: Arc<Timeline>,
    rollup: Option<Rollup>,
}

/// The segment that is being read.
struct Current {
    plan: Arc<SegmentPlan>,
    next_block: usize,
    pool: Option<Pool>,
}

type Decoded = Result<Vec<ScanItem>, ReadError>;

/// What became of a block, and the memory that it takes.
type Answer = (Decoded, u64);

/// Threads that decode blocks of one segment ahead, and what they were asked for, in order.
struct Pool {
    requests: crossbeam_channel::Sender<(usize, crossbeam_channel::Sender<Answer>)>,
    pending: VecDeque<(usize, crossbeam_channel::Receiver<Answer>)>,
    most_pending: usize,
    ahead: Arc<Ahead>,
    /// What the block that was taken last takes.
    held_bytes: u64,
}

impl Scan {
    pub(super) fn new(
        segments: VecDeque<(Arc<OpenSegment>, Arc<Wanted>)>,
        timeline: Arc<Timeline>,
        request: &ScanRequest,
    ) -> Scan {
        let threads = match request.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Scan {
            segments,
            work: Arc::new(Work { timeline, rollup: request.rollup }),
            threads,
            ready: VecDeque::new(),
            current: None,
            decompressor: Decompressor::default(),
        }
    }

    /// Plans the next segment that has something; false when there is none left.
    fn next_segment(&mut self) -> bool {
        while let Some((segment, wanted)) = self.segments.pop_front() {
            match plan(&segment, &self.work.timeline, &wanted) {
                Ok(None) => {}
                Ok(Some(mut plan)) => {
                    self.ready.extend(plan.problems.drain(..).map(|p| Ok(ScanItem::Problem(p))));
                    let bytes: u64 = plan.blocks.iter().map(|(_, size)| u64::from(*size)).sum();
                    let plan = Arc::new(plan);
                    let pool = match self.threads > 1 && bytes >= WORTH_THREADS_BYTES {
                        true => Pool::start(self.threads, &plan, &self.work),
                        false => None,
                    };
                    self.current = Some(Current { plan, next_block: 0, pool });
                    return true;
                }
                Err(problem) => self.ready.push_back(Ok(ScanItem::Problem(problem))),
            }
        }
        false
    }
}

impl Current {
    /// The next block's item; `None` at the end of the segment.
    fn next(&mut self, work: &Work, decompressor: &mut Decompressor) -> Option<Decoded> {
        let blocks = self.plan.blocks.len();
        let Some(pool) = &mut self.pool else {
            let at = self.next_block;
            self.next_block += 1;
            return (at < blocks).then(|| work.decode(&self.plan, at, decompressor));
        };
        while self.next_block < blocks && pool.pending.len() < pool.most_pending {
            pool.ask(self.next_block);
            self.next_block += 1;
        }
        match pool.take()? {
            Ok(decoded) => Some(decoded),
            // A thread died: it can only have panicked, over bytes that nobody foresaw.
            Err(_) => Some(Err(self.plan.segment.damaged("a block could not be decoded".into()))),
        }
    }
}

impl Work {
    fn decode(&self, plan: &SegmentPlan, at: usize, decompressor: &mut Decompressor) -> Decoded {
        self.decode_bytes(plan, at, &decode::fetch(plan, at)?, decompressor)
    }

    fn decode_bytes(
        &self,
        plan: &SegmentPlan,
        at: usize,
        bytes: &[u8],
        decompressor: &mut Decompressor,
    ) -> Decoded {
        decode::block(plan, at, bytes, &self.timeline, self.rollup, decompressor)
    }
}

impl Pool {
    /// Starts as many threads as can be had; `None` where that is none.
    fn start(threads: usize, plan: &Arc<SegmentPlan>, work: &Arc<Work>) -> Option<Pool> {
        let (requests, queue) =
            crossbeam_channel::unbounded::<(usize, crossbeam_channel::Sender<Answer>)>();
        let (ahead, pool) = (Arc::new(Ahead::default()), BufferPool::new(AHEAD * threads));
        let mut started = 0;
        for _ in 0..threads {
            let (plan, work, queue) = (plan.clone(), work.clone(), queue.clone());
            let (ahead, mut decompressor) = (ahead.clone(), Decompressor::with(pool.clone()));
            let thread = std::thread::Builder::new().spawn(move || {
                for (at, answer) in queue {
                    let (decoded, size_bytes) = match decode::fetch(&plan, at) {
                        Err(error) => (Err(error), 0),
                        Ok(bytes) => {
                            let size_bytes = Block::memory_bytes(&bytes, plan.columns.len());
                            if !ahead.enter(at, size_bytes) {
                                return;
                            }
                            let decoded = work.decode_bytes(&plan, at, &bytes, &mut decompressor);
                            (decoded, size_bytes)
                        }
                    };
                    // Nobody listens any more when the scan was dropped half way.
                    let _ = answer.send((decoded, size_bytes));
                }
            });
            started += usize::from(thread.is_ok());
        }
        let (pending, most_pending) = (VecDeque::new(), AHEAD * started);
        (started > 0).then_some(Pool { requests, pending, most_pending, ahead, held_bytes: 0 })
    }

    fn ask(&mut self, at: usize) {
        let (answer, pending) = crossbeam_channel::bounded(1);
        // Threads stop only when `requests` is dropped; should they all have died, receiving the
        // answer says so.
        let _ = self.requests.send((at, answer));
        self.pending.push_back((at, pending));
    }

    /// The next block in order; an error when its thread died.
    fn take(&mut self) -> Option<Result<Decoded, crossbeam_channel::RecvError>> {
        let (at, answer) = self.pending.pop_front()?;
        self.ahead.want(at, std::mem::take(&mut self.held_bytes));
        Some(answer.recv().map(|(decoded, size_bytes)| {
            self.held_bytes = size_bytes;
            decoded
        }))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.ahead.close();
    }
}

impl Iterator for Scan {
    type Item = Result<ScanItem, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if let Some(current) = &mut self.current {
                match current.next(&self.work, &mut self.decompressor) {
                    Some(Ok(items)) => self.ready.extend(items.into_iter().map(Ok)),
                    Some(Err(problem)) => return Some(Ok(ScanItem::Problem(problem))),
                    None => self.current = None,
                }
            } else if !self.next_segment() && self.ready.is_empty() {
                return None;
            }
        }
    }
}
