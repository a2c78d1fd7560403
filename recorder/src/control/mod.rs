//! Runs the recorder: starts the threads, listens to signals, and ends in order.

mod reload;
mod response;
mod sampler_threads;
mod signals;
#[cfg(test)]
mod tests;
mod watchdog;

use crate::actor::{
    Alert, Close, Closed, Opening, Outbox, Ready, SamplerThreadOptions, Workers, Writer,
};
use crate::check::lack_of_room;
use crate::config::{Config, PlannedSource};
use crate::limits;
use crate::retention::{Node, writer_options};
use crate::source::Context;
use crate::trust::{self, Distrust};
use actix::{Actor, Addr, Arbiter, System};
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::units::{exact_duration, show_size};
use nodemon_formats::writer::{RecordingWriter, WriteError};
use nodemon_recorder_ebpf::load::KernelTypes;
pub use reload::Origin;
use response::{OnDemand, Response, warn_of_idle};
use sampler_threads::SamplerThreads;
use signals::{SignalAction, Signals};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use watchdog::{Watchdog, give_up, new_watch};

/// Sources have this long to send what they have when the recorder ends.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// The writer has this long to make the last samples durable.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A source that is not open after this is not waited for any more, with what comes when all are
/// open: the log says so, and capabilities are dropped.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the recorder did not run, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Others could make the recorder write elsewhere.
    #[error("{0}")]
    Distrust(#[from] Distrust),
    /// Too few files may be open.
    #[error(
        "only {files} files may be open at once, and the recorder takes at least {}; raise the \
         limit (ulimit -n, LimitNOFILE=)",
        limits::least_open_files()
    )]
    FewFiles {
        /// The limit.
        files: u64,
    },
    /// The recording cannot be opened, or the last commit failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The kernel refuses something that the recorder cannot do without.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// A part of the recorder broke down.
    #[error("{0}; what was recorded until then is kept")]
    Broken(String),
    /// The writer did not answer.
    #[error("the disk did not take the last samples in time; what was not durable is lost")]
    NoAnswer,
    /// A second signal came while it was ending.
    #[error(
        "a second signal came before the last samples were written; what was not durable is lost"
    )]
    Interrupted,
}

/// Records as `config` says until a signal comes, or `duration` is over.
///
/// # Errors
/// [`RunError`].
pub fn run(config: Config, origin: Origin, duration: Option<Duration>) -> Result<(), RunError> {
    limits::raise_open_files().map_err(|files| RunError::FewFiles { files })?;
    if !config.trust_directory {
        trust::check(&config.directory)?;
    }
    let options = writer_options(&config, &Node::this());
    let recording = RecordingWriter::open(&config.directory, options)?;
    if let Some(what) = lack_of_room(&config) {
        tracing::warn!("{what}");
    }
    if let Err(error) = crate::privilege::drop_capabilities(&config.directory) {
        tracing::warn!("cannot drop the capabilities that are not needed: {error}");
    }
    System::new().block_on(record(recording, config, origin, duration))
}

/// A recorder that runs.
struct Recorder {
    config: Config,
    threads: SamplerThreads,
    options: SamplerThreadOptions,
    outbox: Arc<Outbox>,
    writer: Addr<Writer>,
    began: Instant,
    /// Sources that run only while a trigger asks for them.
    on_demand: OnDemand,
    /// Sources that this machine did not have when they were started.
    off: Vec<&'static str>,
}

/// What starting a source came to.
enum Started {
    /// It runs.
    Runs,
    /// This machine does not have it, and why.
    Off(String),
    /// It failed, which it has said itself, and is tried again.
    Failed,
    /// It is still being opened, which the watchdog says.
    Opening,
}

async fn record(
    recording: RecordingWriter,
    config: Config,
    origin: Origin,
    duration: Option<Duration>,
) -> Result<(), RunError> {
    let began = Instant::now();
    let deadline = duration.map(|duration| began + duration);
    let system = |doing| move |source| RunError::System { doing, source };
    // Before anything is started, so that no signal ends the process half way.
    let mut signals = Signals::listen().map_err(system("listen to signals"))?;
    let (alert, mut alerts) = Alert::new();
    let context = Context {
        recording: config.directory.clone(),
        cpu: config.cpu.and_then(|cpu| u32::try_from(cpu).ok()),
        ..Context::default()
    };
    let opened_ns = recording.opened_ns();
    let arbiter = Arbiter::try_new().map_err(system("start the writer's thread"))?;
    let (counted, directory) = (context.overhead.clone(), config.directory.clone());
    let writer = Writer::start_in_arbiter(&arbiter.handle(), move |_| {
        // Only what `top -H` shows suffers without it.
        let _ = rustix::thread::set_name(c"nodemon-writer");
        let _ = crate::privilege::drop_what_opening_took(&directory);
        Writer::new(recording, counted)
    });
    let options = SamplerThreadOptions {
        writer: writer.clone(),
        alert,
        context,
        workers: Workers::default(),
        offset_ns: ClockOffset::now().offset_ns,
        queue_size_bytes: config.queue_size_bytes,
    };
    let threads = SamplerThreads::new(options.clone());
    actix::spawn(Watchdog::new(threads.clone(), options.clone()).run());
    let outbox = options.outbox();
    options.context.triggers.set_rules(config.triggers.clone());
    let on_demand = OnDemand::new(config.on_demand.clone());
    actix::spawn(Response::new(threads.clone(), options.clone(), on_demand.clone()).run());
    let off = Vec::new();
    let mut recorder = Recorder { config, threads, options, outbox, writer, began, on_demand, off };
    // Opening may take a while; whoever wants it to end does not wait for it.
    let mut is_ended = tokio::select! {
        started = recorder.start(opened_ns) => started.map(|()| false)?,
        () = signals.end() => true,
        () = sleep_until(deadline) => true,
    };
    if is_ended {
        let directory = recorder.config.directory.display();
        tracing::info!("ends before every source is open; recorded into {directory}");
    }

    let broken = loop {
        if is_ended {
            break None;
        }
        let told = tokio::select! {
            told = signals.next() => told,
            () = sleep_until(deadline) => SignalAction::End,
            broken = alerts.recv() => break broken,
        };
        match told {
            SignalAction::End => is_ended = true,
            // What is opened for it may take a while, too.
            SignalAction::Reload => {
                is_ended = tokio::select! {
                    () = recorder.reload(&origin) => false,
                    () = signals.end() => true,
                    () = sleep_until(deadline) => true,
                }
            }
        }
    };
    // Whoever is impatient may interrupt what follows.
    let ended = tokio::select! {
        ended = recorder.end() => ended,
        () = signals.end() => Err(RunError::Interrupted),
    };
    match broken {
        Some(what) => ended.and(Err(RunError::Broken(what))),
        None => ended,
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Recorder {
    /// Starts every source, into a recording that was opened at `opened_ns`.
    async fn start(&mut self, opened_ns: u64) -> Result<(), RunError> {
        // The features of eBPF need what the kernel says of its types: read once for all of them.
        let is_ebpf = |plan: &PlannedSource| plan.descriptor.kind.is_ebpf();
        let types = self.config.sources.iter().any(is_ebpf).then(KernelTypes::get);
        let mut failed = 0;
        let plans = self.config.sources.clone();
        // All at once: each is opened and takes its first sample when it comes to it.
        let asked: Result<Vec<_>, RunError> =
            plans.iter().map(|plan| self.ask(plan, opened_ns)).collect();
        let until = Instant::now() + OPEN_TIMEOUT;
        for (plan, answer) in plans.iter().zip(asked?) {
            let started = self.started(plan, answer, until).await;
            failed += usize::from(!matches!(started, Started::Runs | Started::Off(_)));
        }
        drop(types);
        self.threads.privileges_end(&self.config.directory).await;
        if let Err(error) = crate::privilege::drop_what_opening_took(&self.config.directory) {
            tracing::warn!("cannot drop the capabilities that are not needed any more: {error}");
        }
        crate::mapped_files::give_back();
        let running = self.config.sources.len() - self.off.len() - failed;
        let directory = self.config.directory.display();
        let ring = show_size(self.config.ring_size_bytes);
        let why =
            if self.config.is_ring_of_file_system { ", a tenth of its file system" } else { "" };
        tracing::info!("recording {running} sources into {directory}, in at most {ring}{why}");
        if !self.off.is_empty() {
            let off = self.off.join(", ");
            tracing::info!("not available here: {off} (nodemon-recorder check says why)");
        }
        warn_of_idle(&self.options.context.triggers, &self.config.triggers);
        Ok(())
    }

    /// Has a source started that is to be there from `since_ns` on.
    fn ask(
        &mut self,
        plan: &PlannedSource,
        since_ns: u64,
    ) -> Result<oneshot::Receiver<Opening>, RunError> {
        self.off.retain(|off| *off != plan.descriptor.name);
        let (watch, answer) = new_watch(&self.options, plan, since_ns);
        self.threads.run(plan, watch)?;
        Ok(answer)
    }

    /// What starting a source came to, if that is known before `until`.
    async fn started(
        &mut self,
        plan: &PlannedSource,
        answer: oneshot::Receiver<Opening>,
        until: Instant,
    ) -> Started {
        let name = plan.descriptor.name;
        let Ok(Ok(opening)) = timeout_at(until, answer).await else { return Started::Opening };
        let Ready { limits, feeding, .. } = match opening {
            Opening::Ready(ready) => ready,
            Opening::Unavailable(why) => {
                tracing::debug!("source {name} is off: {why}");
                self.off.push(name);
                return Started::Off(why);
            }
            // The source says so itself, as it does each time that it fails.
            Opening::Failed(_) => return Started::Failed,
        };
        let every = exact_duration(plan.asked.interval);
        match feeding.as_ref().and_then(|feeding| feeding.tables.first()) {
            Some(table) if plan.descriptor.kind.is_kernel_sampled() => {
                let every = Duration::from_nanos(table.interval_ns);
                let (from, every) = (&table.source, exact_duration(every));
                tracing::info!("source {name} samples every {every}, from {from}");
            }
            _ => tracing::debug!("source {name} runs every {every}"),
        }
        let is_root = rustix::process::geteuid().is_root();
        for limit in limits {
            if is_root {
                tracing::debug!("source {name} is limited: {limit}");
            } else {
                tracing::info!("source {name} is limited without root: {limit}");
            }
        }
        Started::Runs
    }

    /// Ends in order: sources first, then the writer, so that nothing that was sampled is lost.
    async fn end(&mut self) -> Result<(), RunError> {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let (left, busy) = self.threads.drain(deadline).await;
        give_up(&left, &self.outbox);
        if timeout(CLOSE_TIMEOUT, self.outbox.finish()).await.is_err() {
            return Err(RunError::NoAnswer);
        }
        if busy > 0 {
            tracing::warn!("{busy} sources were still being closed; the kernel does the rest");
        }
        let closed = timeout(CLOSE_TIMEOUT, self.writer.send(Close)).await;
        let Ok(Ok(Closed { last, totals, lost, starting })) = closed else {
            return Err(RunError::NoAnswer);
        };
        let starting = match starting {
            0 => String::new(),
            _ => format!(", {starting} not taken while starting"),
        };
        tracing::info!(
            "recorded {} samples in {}, {} written; {lost} samples lost{starting}",
            totals.samples_stored,
            exact_duration(Duration::from_secs(self.began.elapsed().as_secs())),
            show_size(totals.bytes),
        );
        last?;
        Ok(())
    }
}
