//! One running source: samples it at each tick, and sends its records on.

use super::account::Account;
use super::clock::{Clock, Tick};
use super::message::{AddTables, Feed};
use super::outbox::Outbox;
use super::pace::Pace;
use super::supervisor::{Failure, Opening, Supervisor};
use super::writer::Writer;
use crate::config::{PlannedSource, exact_duration};
use crate::overhead::SourceOverhead;
use crate::source::{Context as SourceContext, Feeding, KernelGap, Sink};
use actix::{
    Actor, ActorContext, ActorFuture, ActorFutureExt, Addr, AsyncContext, Context, Handler,
    Message, MessageResult, ResponseActFuture, SpawnHandle, StreamHandler, WrapFuture,
};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::record::BufferPool;
use nodemon_formats::{Gap, GapCause, Schema, TableKind};
use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A source with an interval up to this gathers several samples in a record; a slower one sends
/// each at once.
pub const GATHER_UP_TO_NS: u64 = 100_000_000;
/// How much time the samples in one record may span.
pub const FLUSH_EVERY_NS: u64 = 250_000_000;
/// Records are sent before they grow beyond this.
const FLUSH_SIZE_BYTES: usize = 1 << 20;
/// Records of one table that may be under way. What waits is bounded in bytes by the queue; this
/// bounds how many.
const POOL_BUFFERS: usize = 64;

/// What a source needs around it on its thread.
#[derive(Clone)]
pub struct Surroundings {
    /// Says when.
    pub clock: Rc<Clock>,
    /// Takes records.
    pub outbox: Rc<Outbox>,
    /// Numbers tables.
    pub writer: Addr<Writer>,
    /// What the source may know.
    pub context: SourceContext,
}

/// The actor of one source.
pub struct SourceActor {
    plan: PlannedSource,
    around: Surroundings,
    supervisor: Supervisor,
    sink: Sink,
    /// One for each table; `None` for tables that are not kept. Empty until the first opening.
    feeds: Vec<Option<Arc<Feed>>>,
    overhead: Arc<SourceOverhead>,
    ticks: Option<SpawnHandle>,
    account: Account,
    /// How often to sample.
    every: Duration,
    /// Whether a sample drains what the kernel has sampled.
    drains: bool,
    /// Whether nothing has come from the kernel yet since the source was opened.
    is_starting: bool,
    /// The stretch of [`FLUSH_EVERY_NS`] in which the last record was sent.
    flushed: i64,
    has_failed: bool,
    /// Why it did last.
    last_failure: String,
    pace: Pace,
}

impl SourceActor {
    /// A source that does nothing until it is told to [`Open`]. It is to be there from `since_ns`
    /// on.
    pub fn new(plan: PlannedSource, around: Surroundings, since_ns: u64) -> SourceActor {
        let schemas: Vec<Schema> = plan.tables.iter().map(|(schema, _)| schema.clone()).collect();
        let context = SourceContext { asked: plan.asked.clone(), ..around.context.clone() };
        SourceActor {
            supervisor: Supervisor::new(plan.descriptor, context),
            sink: Sink::new(&schemas),
            feeds: Vec::new(),
            overhead: around.context.overhead.source(plan.descriptor.name),
            ticks: None,
            account: Account::new(&plan, &around, since_ns),
            every: plan.asked.interval,
            drains: false,
            is_starting: false,
            flushed: 0,
            has_failed: false,
            last_failure: String::new(),
            pace: Pace::default(),
            plan,
            around,
        }
    }

    fn name(&self) -> &'static str {
        self.plan.descriptor.name
    }

    /// Takes over how the source turned out to be fed. Its tables have to be made known anew when
    /// they are not those that the writer knows.
    fn adopt(&mut self, feeding: Feeding) {
        let Feeding { tables, every, drains } = feeding;
        (self.every, self.drains) = (every, drains);
        self.account.set_interval_ns(tables.first().map_or(0, |table| table.interval_ns));
        let known = self.plan.tables.iter_mut().zip(tables);
        for ((known, _), table) in known {
            if *known != table {
                *known = table;
                self.feeds.clear();
            }
        }
    }

    /// Makes the tables known under the numbers that the writer gave them.
    fn connect(&mut self, numbers: &[u32]) {
        let mut numbers = numbers.iter().copied();
        let feed = |(schema, kept): &(Schema, bool)| {
            let number = if *kept { numbers.next() } else { None };
            number.map(|number| {
                Arc::new(Feed {
                    table: schema.name.clone(),
                    number,
                    interval_ns: schema.interval_ns,
                    pool: BufferPool::new(POOL_BUFFERS, 2 * FLUSH_SIZE_BYTES),
                    overhead: self.overhead.clone(),
                })
            })
        };
        self.feeds = self.plan.tables.iter().map(feed).collect();
    }

    fn begin(&mut self, ctx: &mut Context<SourceActor>) {
        self.flush();
        // What the first sample could not get.
        for gap in self.sink.take_gaps() {
            self.lose(gap.table.unwrap_or(0), &gap);
        }
        // From the first sample on, so that deadlines which passed since then are counted.
        let every_ns = self.every.as_nanos() as u64;
        let ticks = self.around.clock.ticks(every_ns, self.account.until_ns());
        self.ticks = Some(ctx.add_stream(ticks));
    }

    fn sample(&mut self, tick: Tick, ctx: &mut Context<SourceActor>) {
        if self.drains {
            return self.drain(ctx);
        }
        if tick.deadline_ns <= self.account.until_ns() {
            // The sample before began so late that it stands for this deadline too.
            return;
        }
        let start_ns = boottime_ns();
        if let Err(failure) = self.supervisor.sample(&mut self.sink) {
            return self.fail(&failure, ctx);
        }
        let newest_ns = self.newest_ns();
        for gap in self.sink.take_gaps() {
            self.lose(gap.table.unwrap_or(0), &gap);
        }
        let missed = self.account.sampled(Some(&tick), start_ns, newest_ns);
        self.overhead.late_ticks.add(missed);
        self.sampled(start_ns);
        if self.pace.has_fallen_behind(missed, self.every) {
            self.tell_pace();
        }
        if self.is_flush_due(tick.deadline_ns) {
            self.flush();
        }
    }

    /// Takes over what the kernel has sampled, and sends it.
    fn drain(&mut self, ctx: &mut Context<SourceActor>) {
        loop {
            let start_ns = boottime_ns();
            if let Err(failure) = self.supervisor.sample(&mut self.sink) {
                return self.fail(&failure, ctx);
            }
            self.drained(start_ns);
            self.flush();
            if !self.sink.take_more() {
                return;
            }
        }
    }

    /// Accounts for what was drained from `start_ns` on.
    fn drained(&mut self, start_ns: u64) {
        let table = self.sink.tables().first();
        let (samples, span) = table.map_or((0, None), |table| (table.samples(), table.span_ns()));
        if let Some((first_ns, _)) = span
            && std::mem::take(&mut self.is_starting)
        {
            self.overhead.late_ticks.add(self.account.started(first_ns));
        }
        for gap in self.sink.take_gaps() {
            if let Some(table) = gap.table {
                self.lose(table, &gap);
                continue;
            }
            self.count(&gap);
            self.account.lost_in_kernel(&gap);
        }
        let took_ns = boottime_ns().saturating_sub(start_ns);
        self.overhead.samples.add(samples as u64);
        self.overhead.sampling_ns.add(took_ns);
        self.overhead.last_ns.set(took_ns);
        if let Some((_, last_ns)) = span {
            self.account.drained(last_ns);
        }
    }

    /// Puts in what one table lost beside the rows that it has. One second of it after the other is
    /// one gap.
    fn lose(&self, table: usize, gap: &KernelGap) {
        if let Some(Some(feed)) = self.feeds.get(table) {
            self.count(gap);
            let KernelGap { cause, from_ns, to_ns, lost, ref detail, .. } = *gap;
            let (table, detail) = (feed.table.clone(), detail.to_string());
            let gap = Gap { table, cause, from_ns, to_ns, lost, detail };
            self.around.outbox.gap(gap, 2 * self.every.as_nanos() as u64);
        }
    }

    /// Counts what was lost in the kernel.
    fn count(&self, gap: &KernelGap) {
        match gap.cause {
            GapCause::Late => self.overhead.late_ticks.add(gap.lost),
            _ => self.overhead.lost_in_kernel.add(gap.lost),
        }
    }

    /// The time of the newest row that waits to be sent, `CLOCK_BOOTTIME` ns.
    fn newest_ns(&mut self) -> u64 {
        let samples = self.plan.tables.iter().zip(self.sink.tables());
        let samples = samples.filter(|((schema, _), _)| schema.kind == TableKind::Sample);
        let last = samples.filter_map(|(_, builder)| builder.span_ns().map(|(_, last)| last));
        last.max().unwrap_or(0)
    }

    /// Counts a sample that began at `start_ns`.
    fn sampled(&mut self, start_ns: u64) {
        let took_ns = boottime_ns().saturating_sub(start_ns);
        self.overhead.samples.add(1);
        self.overhead.sampling_ns.add(took_ns);
        self.overhead.last_ns.set(took_ns);
    }

    fn tell_pace(&self) {
        tracing::warn!(
            "source {} misses more than half of its ticks every {}, which are gaps; its last \
             sample took {:?}",
            self.name(),
            exact_duration(self.every),
            Duration::from_nanos(self.overhead.last_ns.get()),
        );
    }

    /// Stops sampling, and tries again when it is time.
    fn fail(&mut self, failure: &Failure, ctx: &mut Context<SourceActor>) {
        self.overhead.errors.add(1);
        let is_known = self.has_failed && self.last_failure == failure.error;
        self.has_failed = true;
        if let Some(ticks) = self.ticks.take() {
            ctx.cancel_future(ticks);
        }
        let told = format!(
            "source {} failed: {}; it is opened anew in {} s",
            self.name(),
            failure.error,
            failure.retry_in.as_secs()
        );
        if is_known && failure.is_awaited {
            tracing::debug!("{told}");
        } else {
            tracing::warn!("{told}");
        }
        self.last_failure.clone_from(&failure.error);
        self.flush();
        self.account.failed_until(boottime_ns(), &failure.error);
        self.around.outbox.send_soon();
        ctx.run_later(failure.retry_in, |_, ctx| ctx.notify(Open));
    }

    /// Whether the sample of `deadline_ns` is the last one of its record. Sources of one thread
    /// come to the same answer at the same tick, so that their records travel together.
    fn is_flush_due(&mut self, deadline_ns: u64) -> bool {
        if self.every.as_nanos() > u128::from(GATHER_UP_TO_NS) {
            return true;
        }
        let wall_ns = self.around.clock.wall_ns(deadline_ns);
        let stretch = wall_ns.div_euclid(FLUSH_EVERY_NS.cast_signed());
        let is_new = std::mem::replace(&mut self.flushed, stretch) != stretch;
        is_new || self.sink.tables().iter().any(|table| table.size_bytes() >= FLUSH_SIZE_BYTES)
    }

    /// Sends what was sampled so far.
    fn flush(&mut self) {
        for (feed, builder) in self.feeds.iter().zip(self.sink.tables()) {
            match feed {
                Some(feed) => self.around.outbox.put(feed, builder),
                None => builder.clear(),
            }
        }
    }
}

impl Actor for SourceActor {
    type Context = Context<SourceActor>;
}

impl StreamHandler<Tick> for SourceActor {
    fn handle(&mut self, tick: Tick, ctx: &mut Context<SourceActor>) {
        self.sample(tick, ctx);
    }

    /// Ticks end when they are cancelled, which is no reason to stop.
    fn finished(&mut self, _: &mut Context<SourceActor>) {}
}

/// Tells a source to open itself and to begin.
#[derive(Message)]
#[rtype(result = "Opening")]
pub struct Open;

impl Handler<Open> for SourceActor {
    type Result = ResponseActFuture<SourceActor, Opening>;

    fn handle(&mut self, _: Open, ctx: &mut Context<SourceActor>) -> Self::Result {
        let start_ns = boottime_ns();
        let opening = self.supervisor.open(&mut self.sink);
        match &opening {
            Opening::Unavailable(why) => {
                // Nobody hears the answer any more who would say it.
                if self.has_failed {
                    tracing::warn!("source {} is off: {why}", self.name());
                }
                return answer(self, opening);
            }
            Opening::Failed(failure) => {
                self.fail(failure, ctx);
                return answer(self, opening);
            }
            Opening::Ready(ready) => ready.feeding.iter().for_each(|fed| self.adopt(fed.clone())),
        }
        if self.has_failed {
            self.has_failed = false;
            tracing::info!("source {} works again", self.name());
            self.account.failed_until(start_ns, "");
        }
        if self.drains {
            self.is_starting = true;
            self.drained(start_ns);
        } else {
            let newest_ns = self.newest_ns();
            self.overhead.late_ticks.add(self.account.opened(start_ns, newest_ns));
            self.sampled(start_ns);
        }
        if !self.feeds.is_empty() {
            self.begin(ctx);
            return answer(self, opening);
        }
        let kept = self.plan.tables.iter().filter(|(_, kept)| *kept);
        let tables = kept.map(|(schema, _)| schema.clone()).collect();
        let numbers = self.around.writer.send(AddTables(tables)).into_actor(self);
        Box::pin(numbers.map(|numbers, actor, ctx| {
            // The writer outlives every source; when it does not, there is nobody to record for.
            actor.connect(&numbers.unwrap_or_default());
            actor.begin(ctx);
            opening
        }))
    }
}

fn answer(
    actor: &SourceActor,
    opening: Opening,
) -> Pin<Box<dyn ActorFuture<SourceActor, Output = Opening>>> {
    Box::pin(ready(opening).into_actor(actor))
}

/// Tells a source to send what it has and to end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish;

impl Handler<Finish> for SourceActor {
    type Result = MessageResult<Finish>;

    fn handle(&mut self, _: Finish, ctx: &mut Context<SourceActor>) -> Self::Result {
        // What the kernel has sampled since would be lost.
        if self.drains && !self.has_failed {
            self.drain(ctx);
        }
        self.flush();
        if self.has_failed {
            self.account.failed_until(boottime_ns(), "stopped before it worked again");
        }
        ctx.stop();
        MessageResult(())
    }
}
