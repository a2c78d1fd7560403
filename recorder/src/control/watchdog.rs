//! Looks after the sources: one that does not come back is told, becomes a gap while it lasts, and
//! holds up nobody; one whose actor has died is restarted.
//!
//! It looks a little before the sources that wake each second wake again, and once more half a second
//! before that where there is something to wait for: what held up one of them is found, and the
//! others have their sample, before their next deadline.

use super::sampler_threads::{Running, SamplerThreads};
use crate::actor::{
    Alarm, Doing, Opening, Outbox, SamplerThreadOptions, SourceState, Watch, culprit_of,
};
use crate::config::PlannedSource;
use nodemon_formats::clock::{ClockOffset, boottime_ns};
use nodemon_formats::units::exact_duration;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Looks are this far apart where there is something to wait for, ns.
const BETWEEN_LOOKS_NS: u64 = 500_000_000;
/// Where there is not. Most sources begin a sample with the second: what hangs is seen then.
const BETWEEN_QUIET_LOOKS_NS: u64 = 1_000_000_000;
/// How long after a whole second it looks, ns.
const PHASE_NS: i64 = 450_000_000;
/// A sample that takes longer than this hangs, ns.
const SAMPLING_NS: u64 = 400_000_000;
/// What drains the kernel may take longer, ns: nothing is lost meanwhile, and where a CPU is wanted
/// by many it comes late.
const DRAINING_NS: u64 = 3_000_000_000;
/// An opening that takes longer than this hangs, ns.
const OPENING_NS: u64 = 1_000_000_000;

/// What looks after the sources.
pub struct Watchdog {
    threads: SamplerThreads,
    options: SamplerThreadOptions,
    outbox: Arc<Outbox>,
    hung: Vec<Hung>,
    /// When it means to look next.
    due_ns: u64,
}

/// A source that does not come back.
struct Hung {
    watch: Arc<Watch>,
    /// The call, by when it began, `CLOCK_BOOTTIME` ns.
    since_ns: u64,
    /// What it does and what for it waits, for its gaps.
    why: String,
}

impl Watchdog {
    /// A watchdog for the sources of `threads`.
    pub fn new(threads: SamplerThreads, options: SamplerThreadOptions) -> Watchdog {
        let outbox = options.outbox();
        Watchdog { threads, options, outbox, hung: Vec::new(), due_ns: boottime_ns() }
    }

    /// Looks, for ever. tokio's timers wake twice for a wait as long as this.
    pub async fn run(mut self) {
        let mut alarm = match Alarm::new() {
            Ok(alarm) => alarm,
            Err(error) => return tracing::error!("cannot start the watchdog of sources: {error}"),
        };
        loop {
            self.due_ns = next_look_ns(self.between_looks_ns());
            if let Err(error) = poll_fn(|cx| alarm.poll(self.due_ns, cx)).await {
                return tracing::error!("the watchdog of sources has stopped: {error}");
            }
            self.poll(boottime_ns());
        }
    }

    /// How long to wait before the next look, ns. A source that is sampled more than once a second
    /// may begin to hang at any time.
    fn between_looks_ns(&self) -> u64 {
        let is_waited_for = |Running { watch, .. }: Running| {
            watch.call.under_way().is_some()
                || !watch.drains() && (1..BETWEEN_QUIET_LOOKS_NS).contains(&watch.interval_ns)
        };
        let is_quiet =
            self.hung.is_empty() && !self.threads.running().into_iter().any(is_waited_for);
        if is_quiet { BETWEEN_QUIET_LOOKS_NS } else { BETWEEN_LOOKS_NS }
    }

    fn poll(&mut self, now_ns: u64) {
        // Whoever stopped this process or the machine stopped this thread as well, and the sources
        // have had no time to come back.
        let was_stopped = now_ns.saturating_sub(self.due_ns) > BETWEEN_LOOKS_NS;
        for running in self.threads.running() {
            if running.watch.has_died() {
                self.begin_anew(&running.watch);
            } else {
                self.poll_source(&running, now_ns, was_stopped);
            }
        }
        self.outbox.send();
    }

    fn poll_source(&mut self, running: &Running, now_ns: u64, was_stopped: bool) {
        let watch = &running.watch;
        let call = watch.call.under_way();
        let at = self.hung.iter().position(|hung| Arc::ptr_eq(&hung.watch, watch));
        if let Some(at) = at {
            let hung = &self.hung[at];
            if call.is_none_or(|call| call.since_ns != hung.since_ns) {
                let took = rough(now_ns.saturating_sub(hung.since_ns));
                tracing::info!("source {} responds again after {took}", watch.name);
                watch.overhead.stuck_ns.set(0);
                self.hung.swap_remove(at);
            }
        }
        // One that waits for a thread, to be opened on, does not hang: those before it may.
        let Some(call) = call.filter(|call| call.thread != 0) else { return };
        let drains = call.doing == Doing::Sampling && watch.drains();
        let patience_ns = match call.doing {
            Doing::Opening => OPENING_NS,
            Doing::Sampling if drains => DRAINING_NS,
            Doing::Sampling => SAMPLING_NS,
        };
        let for_ns = now_ns.saturating_sub(call.since_ns);
        if for_ns < patience_ns || was_stopped {
            return;
        }
        let is_known = self.hung.iter().any(|hung| Arc::ptr_eq(&hung.watch, watch));
        if !is_known {
            let doing = match call.doing {
                Doing::Opening => "being opened",
                Doing::Sampling => "being sampled",
            };
            let waits_for = culprit_of(call.thread);
            let waits_for = waits_for.map_or(String::new(), |what| format!(", waiting for {what}"));
            let why = format!("timed out {doing}{waits_for}");
            tracing::warn!("source {} {why}; recording a gap until it responds", watch.name);
            self.hung.push(Hung { watch: watch.clone(), since_ns: call.since_ns, why });
            self.free_others(running, call.doing);
        }
        watch.overhead.stuck_ns.set(for_ns);
        let Some(hung) = self.hung.iter().find(|hung| Arc::ptr_eq(&hung.watch, watch)) else {
            return;
        };
        let spares = call.doing == Doing::Sampling;
        let (gaps, lost) = watch.account().hangs(now_ns, spares, drains, &hung.why);
        watch.overhead.late_ticks.add(lost);
        gaps.into_iter().for_each(|gap| self.outbox.gap(gap, 0));
    }

    /// Sees to it that others do not wait for a source that hangs.
    fn free_others(&self, running: &Running, doing: Doing) {
        let watch = &running.watch;
        match doing {
            Doing::Opening => {
                if let Some(place) = watch.place() {
                    self.options.workers.left_behind(&place);
                }
            }
            Doing::Sampling if running.shares => match self.threads.leave_to(watch) {
                Ok(moved) => tracing::debug!(
                    "{moved} sources that shared a thread with {} go on on another",
                    watch.name
                ),
                Err(error) => tracing::error!("{error}: sources wait for {}", watch.name),
            },
            Doing::Sampling => {}
        }
    }

    /// Begins a source anew whose actor has died.
    fn begin_anew(&self, dead: &Arc<Watch>) {
        let name = dead.name;
        tracing::error!("internal error in source {name}; restarting it");
        dead.overhead.errors.add(1);
        let Some(plan) = dead.state().as_ref().map(|state| state.plan().clone()) else { return };
        let why = "internal error in the recorder";
        let now_ns = boottime_ns();
        let (gaps, lost) = dead.account().given_up(now_ns, why);
        dead.overhead.late_ticks.add(lost);
        gaps.into_iter().for_each(|gap| self.outbox.gap(gap, 0));
        let (watch, _) = self.new_watch(&plan, now_ns);
        if let Err(error) = self.threads.replace(dead, &plan, watch) {
            tracing::error!("source {name} cannot be restarted: {error}");
        }
    }

    /// A source that is not open yet, and where it is told how opening it went.
    fn new_watch(
        &self,
        plan: &PlannedSource,
        since_ns: u64,
    ) -> (Arc<Watch>, oneshot::Receiver<Opening>) {
        new_watch(&self.options, plan, since_ns)
    }
}

/// A source that is not open yet and is to be there from `since_ns` on, and where it is told how
/// opening it went.
pub fn new_watch(
    options: &SamplerThreadOptions,
    plan: &PlannedSource,
    since_ns: u64,
) -> (Arc<Watch>, oneshot::Receiver<Opening>) {
    let (answer, answered) = oneshot::channel();
    let SamplerThreadOptions { context, offset_ns, .. } = options;
    (SourceState::watched(plan.clone(), context, *offset_ns, since_ns, answer), answered)
}

/// What sources that did not end leave behind: their gaps, and how much is missing of each.
pub fn give_up(left: &[Arc<Watch>], outbox: &Outbox) {
    let now_ns = boottime_ns();
    for watch in left {
        let call = watch.call.under_way();
        let waits_for = call.and_then(|call| culprit_of(call.thread));
        let waits_for = waits_for.map_or(String::new(), |what| format!(", waiting for {what}"));
        let for_ns = call.map_or(0, |call| now_ns.saturating_sub(call.since_ns));
        let why = format!("timed out{waits_for}");
        let (gaps, lost) = watch.account().given_up(now_ns, &why);
        watch.overhead.late_ticks.add(lost);
        gaps.into_iter().for_each(|gap| outbox.gap(gap, 0));
        tracing::warn!(
            "timed out waiting for source {} after {}{waits_for}; its last {lost} samples are lost",
            watch.name,
            rough(for_ns)
        );
    }
}

/// A duration to a tenth of a second.
fn rough(ns: u64) -> String {
    exact_duration(Duration::from_millis(ns / 100_000_000 * 100))
}

/// When to look next, `CLOCK_BOOTTIME` ns.
fn next_look_ns(every_ns: u64) -> u64 {
    let now = ClockOffset::now();
    let wall_ns = now.from_ns.cast_signed().wrapping_add(now.offset_ns);
    let every_ns = every_ns.cast_signed();
    let into_ns = (wall_ns - PHASE_NS).rem_euclid(every_ns);
    now.from_ns + (every_ns - into_ns).cast_unsigned()
}
