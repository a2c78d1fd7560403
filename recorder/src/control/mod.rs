//! Runs the recorder: starts the threads, listens to signals, and ends in order.

mod lanes;
mod reload;
mod signals;

use crate::actor::{Alert, Close, Closed, LaneOptions, Opening, Ready, Writer};
use crate::check::lack_of_room;
use crate::config::{Config, PlannedSource, exact_duration, rough_size};
use crate::overhead::{Missing, Overhead};
use crate::source::{Context, Nature};
use actix::{Actor, Addr, Arbiter, System};
use lanes::Lanes;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::writer::{RecordingWriter, WriteError, WriterOptions};
use nodemon_recorder_ebpf::load::KernelTypes;
pub use reload::Origin;
use signals::{Signals, Told};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sources have this long to send what they have when the recorder ends.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(700);

/// Why the recorder did not run, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
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
    #[error("the writer did not answer when it was told to close the recording")]
    NoAnswer,
}

/// Records as `config` says until a signal comes, or `duration` is over.
///
/// # Errors
/// [`RunError`].
pub fn run(config: Config, origin: Origin, duration: Option<Duration>) -> Result<(), RunError> {
    let mut options = WriterOptions::new(config.ring_size_bytes);
    if let Some(tiers) = &config.tiers {
        options.tiers.clone_from(tiers);
    }
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
    lanes: Lanes,
    writer: Addr<Writer>,
    overhead: Arc<Overhead>,
    began: Instant,
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
}

async fn record(
    recording: RecordingWriter,
    config: Config,
    origin: Origin,
    duration: Option<Duration>,
) -> Result<(), RunError> {
    let system = |doing| move |source| RunError::System { doing, source };
    // Before anything is started, so that no signal ends the process half way.
    let mut signals = Signals::listen().map_err(system("listen to signals"))?;
    let (alert, mut alerts) = Alert::new();
    let context = Context {
        recording: config.directory.clone(),
        cpu: config.cpu.and_then(|cpu| u32::try_from(cpu).ok()),
        ..Context::default()
    };
    let overhead = context.overhead.clone();
    let opened_ns = recording.opened_ns();
    let arbiter = Arbiter::try_new().map_err(system("start the writer's thread"))?;
    let (counted, directory) = (overhead.clone(), config.directory.clone());
    let writer = Writer::start_in_arbiter(&arbiter.handle(), move |_| {
        // Only what `top -H` shows suffers without it.
        let _ = rustix::thread::set_name(c"nodemon-writer");
        let _ = crate::privilege::drop_what_opening_took(&directory);
        Writer::new(recording, counted)
    });
    let lanes = Lanes::new(LaneOptions {
        writer: writer.clone(),
        alert,
        context,
        offset_ns: ClockOffset::now().offset_ns,
        queue_size_bytes: config.queue_size_bytes,
    });
    let began = Instant::now();
    let mut recorder = Recorder { config, lanes, writer, overhead, began, off: Vec::new() };
    // To open all sources takes seconds; whoever wants it to end does not wait for the rest of them.
    let mut is_ended = tokio::select! {
        started = recorder.start(opened_ns) => started.map(|()| false)?,
        () = signals.end() => true,
    };

    let deadline = duration.map(|duration| tokio::time::Instant::now() + duration);
    let broken = loop {
        if is_ended {
            break None;
        }
        let told = tokio::select! {
            told = signals.next() => told,
            () = sleep_until(deadline) => Told::End,
            broken = alerts.recv() => break broken,
        };
        match told {
            Told::End => is_ended = true,
            Told::Reload => recorder.reload(&origin).await,
        }
    };
    // Whoever is impatient may interrupt what follows.
    let ended = tokio::select! {
        ended = recorder.end() => ended,
        () = signals.end() => Err(RunError::NoAnswer),
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
        let is_ebpf = |plan: &PlannedSource| plan.descriptor.nature == Nature::Ebpf;
        let types = self.config.sources.iter().any(is_ebpf).then(KernelTypes::get);
        let mut failed = 0;
        for plan in self.config.sources.clone() {
            let started = self.start_source(&plan, opened_ns).await?;
            failed += usize::from(matches!(started, Started::Failed));
        }
        drop(types);
        self.lanes.privileges_end(&self.config.directory).await;
        if let Err(error) = crate::privilege::drop_what_opening_took(&self.config.directory) {
            tracing::warn!("cannot drop the capabilities that are not needed any more: {error}");
        }
        let running = self.config.sources.len() - self.off.len() - failed;
        let directory = self.config.directory.display();
        let ring = rough_size(self.config.ring_size_bytes);
        tracing::info!("recording {running} sources into {directory}, in at most {ring}");
        if !self.off.is_empty() {
            let off = self.off.join(", ");
            tracing::info!("not on this machine: {off} (nodemon-recorder check says why)");
        }
        Ok(())
    }

    /// Starts a source that is to be there from `since_ns` on.
    async fn start_source(
        &mut self,
        plan: &PlannedSource,
        since_ns: u64,
    ) -> Result<Started, RunError> {
        let name = plan.descriptor.name;
        self.off.retain(|off| *off != name);
        let Ready { limits, feeding } = match self.lanes.start(plan, since_ns).await? {
            Opening::Ready(ready) => ready,
            Opening::Unavailable(why) => {
                tracing::debug!("source {name} is off: {why}");
                self.off.push(name);
                return Ok(Started::Off(why));
            }
            // The source says so itself, as it does each time that it fails.
            Opening::Failed(_) => return Ok(Started::Failed),
        };
        let every = exact_duration(plan.asked.interval);
        match feeding.as_ref().and_then(|feeding| feeding.tables.first()) {
            Some(table) if plan.descriptor.nature == Nature::Fed => {
                let every = Duration::from_nanos(table.interval_ns);
                let (from, every) = (&table.source, exact_duration(every));
                tracing::info!("source {name} samples every {every}, from {from}");
            }
            _ => tracing::debug!("source {name} runs every {every}"),
        }
        let is_root = rustix::process::geteuid().is_root();
        for limit in limits {
            if is_root {
                tracing::debug!("source {name} lacks something: {limit}");
            } else {
                tracing::info!("source {name} lacks something as this user: {limit}");
            }
        }
        Ok(Started::Runs)
    }

    /// Ends in order: sources first, then the writer, so that nothing that was sampled is lost.
    async fn end(&mut self) -> Result<(), RunError> {
        if tokio::time::timeout(DRAIN_TIMEOUT, self.lanes.drain()).await.is_err() {
            tracing::warn!("a source hangs; what it sampled last is lost");
        }
        let Closed { last, totals } =
            self.writer.send(Close).await.map_err(|_| RunError::NoAnswer)?;
        let Missing { lost, ticks } = self.overhead.missing();
        tracing::info!(
            "recorded {} samples in {}, {} written; {lost} lost, {ticks} ticks missed",
            totals.samples_stored,
            exact_duration(Duration::from_secs(self.began.elapsed().as_secs())),
            rough_size(totals.bytes),
        );
        last?;
        Ok(())
    }
}
