//! What is done when a rule has fired: its row is put, what was recorded around it is pinned, rates are
//! raised, and sources that are off are opened for a while.

use super::DRAIN_TIMEOUT;
use super::sampler_threads::SamplerThreads;
use super::watchdog::new_watch;
use crate::actor::{Notice, Opening, Raised, SamplerThreadOptions};
use crate::config::PlannedSource;
use crate::trigger::{self, Firing, Rule, Triggers};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::pin::{self, MOST_NAME_BYTES, Pin};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// From so long before a rule began to hold to so long after it fired the recording is pinned.
const PINNED: Duration = Duration::from_secs(60);

/// Whatever they are, the text of a pin may be longer.
const MOST_CHARS_OF_TEXT: usize = 1000;

/// Sources that run only while a trigger asks for them; clones are the same.
#[derive(Clone)]
pub struct OnDemand(Rc<RefCell<Opened>>);

#[derive(Default)]
struct Opened {
    /// Those that rules name.
    plans: Vec<PlannedSource>,
    /// Those that are open, and until when, `CLOCK_BOOTTIME` ns.
    open: Vec<(PlannedSource, u64)>,
}

impl OnDemand {
    /// Those that rules name; none is open.
    pub fn new(plans: Vec<PlannedSource>) -> OnDemand {
        OnDemand(Rc::new(RefCell::new(Opened { plans, open: Vec::new() })))
    }

    /// Rules name these now. Those that are open and are not among them end.
    pub async fn set(&self, plans: Vec<PlannedSource>, threads: &SamplerThreads) {
        let ended: Vec<_> = {
            let mut opened = self.0.borrow_mut();
            let goes_on = |plan: &PlannedSource| plans.contains(plan);
            let ended = opened.open.extract_if(.., |(plan, _)| !goes_on(plan)).collect();
            opened.plans = plans;
            ended
        };
        for (plan, _) in ended {
            end(threads, &plan).await;
        }
    }
}

/// Does what firings ask for.
pub struct Response {
    threads: SamplerThreads,
    options: SamplerThreadOptions,
    firings: UnboundedReceiver<Firing>,
    on_demand: OnDemand,
}

impl Response {
    /// Does what firings of the rules in `options` ask for.
    pub fn new(
        threads: SamplerThreads,
        options: SamplerThreadOptions,
        on_demand: OnDemand,
    ) -> Response {
        let firings = options.context.triggers.listen();
        Response { threads, options, firings, on_demand }
    }

    /// For ever.
    pub async fn run(mut self) {
        loop {
            let next_ns = self.on_demand.0.borrow().open.iter().map(|(_, until)| *until).min();
            tokio::select! {
                firing = self.firings.recv() => match firing {
                    Some(firing) => self.respond(&firing),
                    None => return,
                },
                () = until(next_ns) => self.end_due().await,
            }
        }
    }

    fn respond(&self, firing: &Firing) {
        tracing::info!("{firing}");
        for running in self.threads.running() {
            if running.watch.name == trigger::TABLE {
                running.watch.tell(Notice::Drain);
            }
        }
        if !firing.is_extended {
            self.pin(firing);
        }
        self.raise(&firing.rule, firing.until_ns);
    }

    /// Has the ring keep what was recorded around a firing. The disk may take its time for that.
    fn pin(&self, firing: &Firing) {
        let recording = self.options.context.recording.clone();
        let mut name = format!("trigger-{}", firing.rule.name);
        name.truncate(MOST_NAME_BYTES);
        let text: String = firing.to_string().chars().take(MOST_CHARS_OF_TEXT).collect();
        let before = PINNED + Duration::from_nanos(firing.time_ns.saturating_sub(firing.since_ns));
        actix::spawn(async move {
            let pinned = spawn_blocking(move || {
                let pin = Pin::around_now(&name, &text, before, PINNED)?;
                pin::write(&recording, &Pin { is_automatic: true, ..pin })
            });
            if let Ok(Err(error)) = pinned.await {
                tracing::warn!("what was recorded around a trigger is not pinned: {error}");
            }
        });
    }

    /// Has what a rule names sampled more often until `until_ns`.
    fn raise(&self, rule: &Rule, until_ns: u64) {
        let running = self.threads.running();
        for name in &rule.raises {
            if let Some(running) = running.iter().find(|running| running.watch.name == name) {
                let asked = Raised { every: rule.every, until_ns };
                running.watch.tell(Notice::Raise(asked));
            }
            self.open(name, rule.every, until_ns);
        }
    }

    /// Opens a source that runs only while it is asked for, or keeps it open.
    fn open(&self, name: &str, every: Duration, until_ns: u64) {
        let mut opened = self.on_demand.0.borrow_mut();
        let is_it = |plan: &PlannedSource| plan.descriptor.name == name;
        if let Some((_, until)) = opened.open.iter_mut().find(|(plan, _)| is_it(plan)) {
            *until = until_ns.max(*until);
            return;
        }
        let Some(plan) = opened.plans.iter().find(|plan| is_it(plan)).cloned() else { return };
        let (watch, answer) = new_watch(&self.options, &plan, boottime_ns());
        if let Err(error) = self.threads.run(&plan, watch.clone()) {
            tracing::error!("source {name} cannot be opened for a trigger: {error}");
            return;
        }
        opened.open.push((plan, until_ns));
        let name = name.to_owned();
        actix::spawn(async move {
            match answer.await {
                Ok(Opening::Ready(_)) => watch.tell(Notice::Raise(Raised { every, until_ns })),
                Ok(Opening::Unavailable(why)) => {
                    tracing::warn!("source {name}, which a trigger asks for, is off: {why}");
                }
                // The source says itself that it failed.
                Ok(Opening::Failed(_)) | Err(_) => {}
            }
        });
    }

    /// Ends what nobody asks for any more.
    async fn end_due(&self) {
        let now_ns = boottime_ns();
        let due: Vec<_> = {
            let mut opened = self.on_demand.0.borrow_mut();
            opened.open.extract_if(.., |(_, until_ns)| *until_ns <= now_ns).collect()
        };
        for (plan, _) in due {
            end(&self.threads, &plan).await;
        }
    }
}

/// Says which rules have no effect, of those that somebody wrote: the others are for whatever a
/// machine may have.
pub fn warn_of_idle(triggers: &Triggers, rules: &[Rule]) {
    let built_in = trigger::built_in();
    for rule in rules.iter().filter(|rule| !built_in.contains(rule)) {
        if let Some(why) = triggers.why_idle(rule) {
            tracing::warn!("trigger {} has no effect: {why}", rule.name);
        }
    }
}

async fn end(threads: &SamplerThreads, plan: &PlannedSource) {
    let name = plan.descriptor.name;
    if !threads.end(name, Instant::now() + DRAIN_TIMEOUT).await {
        tracing::warn!("timed out waiting for source {name} to end; left to itself");
    }
}

/// Waits until `until_ns` on `CLOCK_BOOTTIME`; for ever where there is no such time.
async fn until(until_ns: Option<u64>) {
    match until_ns {
        None => std::future::pending().await,
        Some(until_ns) => {
            sleep(Duration::from_nanos(until_ns.saturating_sub(boottime_ns()))).await;
        }
    }
}
