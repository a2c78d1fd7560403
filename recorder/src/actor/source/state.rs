//! What a source has while it runs, and what is done with it at each turn.

mod raised;
mod sending;

use super::account::Account;
use super::pace::Pace;
use super::supervisor::{Failure, Opening, Supervisor, close};
use crate::actor::message::{Feed, Raised};
use crate::actor::thread::clock::Tick;
use crate::actor::thread::surroundings::Surroundings;
use crate::actor::thread::workers::Place;
use crate::actor::watch::{self, Doing};
use crate::config::PlannedSource;
use crate::overhead::SourceOverhead;
use crate::source::{Context, Feeding, KernelGap, Sink};
use crate::trigger::Triggers;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::record::BufferPool;
use nodemon_formats::units::exact_duration;
use nodemon_formats::{Gap, GapCause, Schema, TableKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Records of one table that may be under way. What waits is bounded in bytes by the queue; this
/// bounds how many.
const POOL_BUFFERS: usize = 64;

/// A source and what it has.
pub type Watch = watch::Watch<SourceState>;

/// What a source has. It may go from one thread to another between two turns.
pub struct SourceState {
    plan: PlannedSource,
    supervisor: Supervisor,
    sink: Sink,
    /// One for each table; `None` for tables that are not kept. Empty until the first opening.
    feeds: Vec<Option<Arc<Feed>>>,
    overhead: Arc<SourceOverhead>,
    phase: Phase,
    /// How often to sample.
    every: Duration,
    /// Whether a sample drains what the kernel has sampled.
    drains: bool,
    /// Whether nothing has come from the kernel yet since the source was opened.
    is_starting: bool,
    /// Whether the last drain had events.
    had_events: bool,
    /// The stretch in which the last record was sent.
    flushed: i64,
    has_failed: bool,
    /// Why it did last.
    last_failure: String,
    pace: Pace,
    /// What a trigger asks of it.
    raised: Option<Raised>,
    /// Until when it is not sampled for that, `CLOCK_BOOTTIME` ns.
    rests_until_ns: u64,
    triggers: Arc<Triggers>,
}

/// How far a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was tried yet.
    New,
    /// It is being opened, since then, `CLOCK_BOOTTIME` ns.
    Opening(u64),
    /// It is sampled.
    Runs,
    /// It has failed, and is reopened then, `CLOCK_BOOTTIME` ns.
    Waits(u64),
    /// This machine does not have it.
    Off,
}

/// What an actor is to do next.
pub enum Next {
    /// To wait for whatever comes.
    GoOn,
    /// To ask the writer for the numbers of these tables.
    Number(Vec<Schema>),
    /// To wake the source so often.
    Begin(Duration),
    /// To open the source after this time.
    Retry(Duration),
    /// To end.
    End,
}

impl SourceState {
    /// A source that is not open yet, which is to be there from `since_ns` on. What starting it comes
    /// to is told through `answer`.
    pub fn watched(
        plan: PlannedSource,
        context: &Context,
        offset_ns: i64,
        since_ns: u64,
        answer: oneshot::Sender<Opening>,
    ) -> Arc<Watch> {
        let overhead = context.overhead.source(plan.descriptor.name);
        let account = Account::new(&plan, offset_ns, since_ns);
        let state = SourceState::new(plan.clone(), context, overhead.clone());
        Arc::new(Watch::new(&plan, overhead, account, answer, state))
    }

    fn new(plan: PlannedSource, context: &Context, overhead: Arc<SourceOverhead>) -> SourceState {
        let schemas: Vec<Schema> = plan.tables.iter().map(|(schema, _)| schema.clone()).collect();
        let context = Context { asked: plan.asked.clone(), ..context.clone() };
        SourceState {
            triggers: context.triggers.clone(),
            supervisor: Supervisor::new(plan.descriptor, context),
            sink: Sink::new(&schemas),
            feeds: Vec::new(),
            overhead,
            phase: Phase::New,
            every: plan.asked.interval,
            drains: false,
            is_starting: false,
            had_events: false,
            flushed: 0,
            has_failed: false,
            last_failure: String::new(),
            pace: Pace::default(),
            raised: None,
            rests_until_ns: 0,
            plan,
        }
    }

    /// Which source this is, and what is asked of it.
    pub fn plan(&self) -> &PlannedSource {
        &self.plan
    }

    fn name(&self) -> &'static str {
        self.plan.descriptor.name
    }

    /// An actor takes the source over: it goes on where the one before has left off.
    pub fn go_on(&mut self, watch: &Arc<Watch>, around: &Surroundings) -> Next {
        match self.phase {
            Phase::New => self.open(watch, around),
            // What it came to may have been told to the actor before.
            Phase::Opening(_) => self.opened(watch, around),
            Phase::Runs if self.feeds.is_empty() => Next::Number(self.kept_tables()),
            Phase::Runs => Next::Begin(self.cadence()),
            Phase::Waits(until_ns) => {
                Next::Retry(Duration::from_nanos(until_ns.saturating_sub(boottime_ns())))
            }
            Phase::Off => Next::GoOn,
        }
    }

    /// Has the source opened, where that may take a while.
    pub fn open(&mut self, watch: &Arc<Watch>, around: &Surroundings) -> Next {
        self.phase = Phase::Opening(boottime_ns());
        let attempt = self.supervisor.attempt();
        let schemas: Vec<Schema> =
            self.plan.tables.iter().map(|(schema, _)| schema.clone()).collect();
        watch.call.is_asked_for();
        let own = watch.clone();
        let place = around.workers.give(move || {
            own.call.is_made_by(rustix::thread::gettid().as_raw_nonzero().get());
            let mut sink = Sink::new(&schemas);
            let attempted = attempt.perform(&mut sink);
            if attempted.is_given_up() {
                own.call.end();
            } else {
                own.has_opened(attempted, sink);
            }
        });
        watch.is_opened_at(place);
        Next::GoOn
    }

    /// Takes over what opening the source came to, if that is known.
    pub fn opened(&mut self, watch: &Arc<Watch>, around: &Surroundings) -> Next {
        let Phase::Opening(start_ns) = self.phase else { return Next::GoOn };
        let Some((attempted, sink)) = watch.take_opened() else { return Next::GoOn };
        self.sink = sink;
        let opening = self.supervisor.opened(attempted);
        match &opening {
            Opening::Unavailable(why) => {
                self.phase = Phase::Off;
                let why = format!("source {} is off: {why}", self.name());
                // Nobody hears the answer any more who would say it.
                if watch.answer(opening).is_some() {
                    tracing::warn!("{why}");
                }
                return Next::GoOn;
            }
            Opening::Failed(failure) => {
                let next = self.fail(failure, watch, around);
                watch.answer(opening);
                return next;
            }
            Opening::Ready(ready) => {
                if let Some(feeding) = ready.feeding.clone() {
                    self.adopt(feeding, watch);
                }
            }
        }
        self.phase = Phase::Runs;
        if self.has_failed {
            self.has_failed = false;
            tracing::info!("source {} works again", self.name());
            let lost = watch.account().failed_until(around, start_ns, "");
            self.overhead.late_ticks.add(lost);
        }
        if self.drains {
            self.is_starting = true;
            self.drained(start_ns, watch, around);
        } else {
            // What the first sample could not get.
            for gap in self.sink.take_gaps() {
                self.lose(gap.table.unwrap_or(0), &gap, around);
            }
            let newest_ns = self.newest_ns();
            let missed = watch.account().opened(around, start_ns, newest_ns);
            self.overhead.late_ticks.add(missed);
            self.sampled(start_ns);
        }
        watch.answer(opening);
        if self.feeds.is_empty() {
            return Next::Number(self.kept_tables());
        }
        self.flush(around);
        Next::Begin(self.cadence())
    }

    /// Takes over how the source turned out to be fed. Its tables have to be made known anew when
    /// they are not those that the writer knows.
    fn adopt(&mut self, feeding: Feeding, watch: &Watch) {
        let Feeding { tables, every, drains } = feeding;
        (self.every, self.drains) = (every, drains);
        watch.set_drains(drains);
        watch.account().set_interval_ns(tables.first().map_or(0, |table| table.interval_ns));
        let known = self.plan.tables.iter_mut().zip(tables);
        for ((known, _), table) in known {
            if *known != table {
                *known = table;
                self.feeds.clear();
            }
        }
    }

    fn kept_tables(&self) -> Vec<Schema> {
        let kept = self.plan.tables.iter().filter(|(_, kept)| *kept);
        kept.map(|(schema, _)| schema.clone()).collect()
    }

    /// The tables are known under the numbers that the writer gave them: what was sampled so far is
    /// sent.
    pub fn connect(&mut self, numbers: &[u32], around: &Surroundings) -> Next {
        let mut numbers = numbers.iter().copied();
        let feed = |(schema, kept): &(Schema, bool)| {
            let number = if *kept { numbers.next() } else { None };
            number.map(|number| {
                Arc::new(Feed {
                    table: schema.name.clone(),
                    number,
                    interval_ns: schema.interval_ns,
                    pool: BufferPool::new(POOL_BUFFERS),
                    overhead: self.overhead.clone(),
                    triggers: self.triggers.table(schema),
                })
            })
        };
        self.feeds = self.plan.tables.iter().map(feed).collect();
        self.flush(around);
        Next::Begin(self.cadence())
    }

    /// Takes the sample of a tick.
    pub fn sample(&mut self, tick: Tick, watch: &Watch, around: &Surroundings) -> Next {
        if self.drains {
            let next = self.drain(watch, around);
            self.announce(tick.deadline_ns, around);
            return next;
        }
        if self.is_raised_no_more(tick.deadline_ns) {
            self.flush(around);
            return Next::Begin(self.cadence());
        }
        if tick.deadline_ns <= watch.account().until_ns().max(self.rests_until_ns) {
            // The sample before began so late that it stands for this deadline too.
            return Next::GoOn;
        }
        let (start_ns, cpu_ns) = (boottime_ns(), self.cpu_ns());
        if let Err(failure) = self.call(start_ns, watch, around) {
            return self.fail(&failure, watch, around);
        }
        self.rest(start_ns, cpu_ns);
        let newest_ns = self.newest_ns();
        for gap in self.sink.take_gaps() {
            self.lose(gap.table.unwrap_or(0), &gap, around);
        }
        let missed = watch.account().sampled(around, Some(&tick), start_ns, newest_ns);
        self.overhead.late_ticks.add(missed);
        self.sampled(start_ns);
        if self.pace.has_fallen_behind(missed, self.cadence()) {
            self.report_pace();
        }
        if self.is_flush_due(tick.deadline_ns, around) {
            self.flush(around);
            self.announce(tick.deadline_ns, around);
        }
        Next::GoOn
    }

    fn call(&mut self, start_ns: u64, watch: &Watch, around: &Surroundings) -> Result<(), Failure> {
        let _ends = watch.call.begin(Doing::Sampling, around.thread, start_ns);
        self.supervisor.sample(&mut self.sink)
    }

    /// Drains the source between two ticks, if that is what a sample of it does.
    pub fn drain_now(&mut self, watch: &Arc<Watch>, around: &Surroundings) -> Next {
        match self.phase {
            Phase::Runs if self.drains && !self.feeds.is_empty() => self.drain(watch, around),
            _ => Next::GoOn,
        }
    }

    /// Takes over what the kernel has sampled, and sends it.
    fn drain(&mut self, watch: &Watch, around: &Surroundings) -> Next {
        self.had_events = false;
        loop {
            let start_ns = boottime_ns();
            if let Err(failure) = self.call(start_ns, watch, around) {
                return self.fail(&failure, watch, around);
            }
            self.drained(start_ns, watch, around);
            self.had_events |= self.has_events();
            self.flush(around);
            if !self.sink.take_more() {
                return Next::GoOn;
            }
        }
    }

    /// Accounts for what was drained from `start_ns` on.
    fn drained(&mut self, start_ns: u64, watch: &Watch, around: &Surroundings) {
        let table = self.sink.tables().first();
        let (samples, span) = table.map_or((0, None), |table| (table.samples(), table.span_ns()));
        if let Some((first_ns, _)) = span
            && std::mem::take(&mut self.is_starting)
        {
            self.overhead.late_ticks.add(watch.account().started(around, first_ns));
        }
        for gap in self.sink.take_gaps() {
            if let Some(table) = gap.table {
                self.lose(table, &gap, around);
                continue;
            }
            self.count(&gap);
            watch.account().lost_in_kernel(around, &gap);
        }
        let took_ns = boottime_ns().saturating_sub(start_ns);
        self.overhead.samples.add(samples as u64);
        self.overhead.sampling_ns.add(took_ns);
        self.overhead.last_ns.set(took_ns);
        if let Some((_, last_ns)) = span {
            watch.account().drained(last_ns);
        }
    }

    /// Puts in what one table lost beside the rows that it has. One second of it after the other is
    /// one gap.
    fn lose(&self, table: usize, gap: &KernelGap, around: &Surroundings) {
        if let Some((schema, true)) = self.plan.tables.get(table) {
            self.count(gap);
            let KernelGap { cause, from_ns, to_ns, lost, ref detail, .. } = *gap;
            let (table, detail) = (schema.name.clone(), detail.to_string());
            let gap = Gap { table, cause, from_ns, to_ns, lost, detail };
            around.outbox.gap(gap, 2 * duration_ns(self.every));
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

    fn report_pace(&self) {
        tracing::warn!(
            "source {} misses more than half of its sampling deadlines every {}, which are gaps; \
             its last sample took {:?}",
            self.name(),
            exact_duration(self.every),
            Duration::from_nanos(self.overhead.last_ns.get()),
        );
    }

    /// Stops sampling; it is tried again when it is time.
    fn fail(&mut self, failure: &Failure, watch: &Watch, around: &Surroundings) -> Next {
        self.overhead.errors.add(1);
        let is_known = self.has_failed && self.last_failure == failure.error;
        self.has_failed = true;
        let report = format!(
            "source {} failed: {}; retrying in {} s",
            self.name(),
            failure.error,
            failure.retry_in.as_secs()
        );
        if is_known && failure.is_not_yet_present {
            tracing::debug!("{report}");
        } else {
            tracing::warn!("{report}");
        }
        self.last_failure.clone_from(&failure.error);
        self.flush(around);
        let now_ns = boottime_ns();
        let lost = watch.account().failed_until(around, now_ns, &failure.error);
        self.overhead.late_ticks.add(lost);
        around.outbox.send_soon();
        self.close(around);
        self.phase = Phase::Waits(now_ns + duration_ns(failure.retry_in));
        Next::Retry(failure.retry_in)
    }

    /// Lets go of what the source holds, where that may take a while.
    fn close(&mut self, around: &Surroundings) -> Option<Place> {
        let source = self.supervisor.release()?;
        Some(around.workers.give(move || close(Some(source))))
    }

    /// Sends what the source has, and lets go of it. Returns where.
    pub fn finish(&mut self, watch: &Watch, around: &Surroundings) -> Option<Place> {
        // What the kernel has sampled since would be lost.
        if self.drains && self.phase == Phase::Runs {
            self.drain(watch, around);
        }
        self.flush(around);
        if self.has_failed || matches!(self.phase, Phase::Opening(_)) {
            let why = "stopped before it worked";
            let lost = watch.account().failed_until(around, boottime_ns(), why);
            self.overhead.late_ticks.add(lost);
        }
        self.close(around)
    }
}
