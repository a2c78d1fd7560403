//! A thread that samples: its clock, its way to the writer, and the sources on it.

use super::clock::Clock;
use super::outbox::Outbox;
use super::surroundings::Surroundings;
use super::workers::{Place, Workers};
use crate::actor::alert::Alert;
use crate::actor::source::{Finish, SourceActor, Watch};
use crate::actor::writer::Writer;
use crate::source::Context as SourceContext;
use actix::{
    Actor, Addr, Arbiter, Context, Handler, Message, ResponseActFuture, ResponseFuture, WrapFuture,
};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;

/// What a sampling thread needs to begin.
#[derive(Clone)]
pub struct SamplerThreadOptions {
    /// Takes records.
    pub writer: Addr<Writer>,
    /// Hears when the thread cannot go on.
    pub alert: Alert,
    /// What sources may know.
    pub context: SourceContext,
    /// Open and close sources.
    pub workers: Workers,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` to which deadlines are aligned, ns.
    pub offset_ns: i64,
    /// The most that may wait for the writer, bytes.
    pub queue_size_bytes: u64,
}

impl SamplerThreadOptions {
    /// An outbox for a thread.
    pub fn outbox(&self) -> Arc<Outbox> {
        Outbox::new(
            self.writer.clone(),
            self.alert.clone(),
            self.context.overhead.clone(),
            self.queue_size_bytes,
        )
    }
}

/// The actor that starts and ends the sources of one thread.
pub struct SamplerThread {
    around: Surroundings,
    alert: Alert,
    sources: BTreeMap<&'static str, Addr<SourceActor>>,
}

impl SamplerThread {
    /// Starts one, whose sources send through `outbox`. `name` is what `top -H` shows, at most 15
    /// bytes.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn start(
        name: &'static CStr,
        options: SamplerThreadOptions,
        outbox: Arc<Outbox>,
    ) -> std::io::Result<Addr<SamplerThread>> {
        let arbiter = Arbiter::try_new()?;
        Ok(Actor::start_in_arbiter(&arbiter.handle(), move |_| {
            // Only the display suffers without it.
            let _ = rustix::thread::set_name(name);
            let around = Surroundings {
                clock: Clock::new(options.offset_ns),
                outbox,
                writer: options.writer,
                workers: options.workers,
                thread: rustix::thread::gettid().as_raw_nonzero().get(),
            };
            SamplerThread { around, alert: options.alert, sources: BTreeMap::new() }
        }))
    }
}

impl Actor for SamplerThread {
    type Context = Context<SamplerThread>;

    fn started(&mut self, _: &mut Context<SamplerThread>) {
        let (clock, alert) = (self.around.clock.clone(), self.alert.clone());
        actix::spawn(async move {
            let error = clock.run().await;
            alert.raise(&format!("the clock of a sampling thread has failed: {error}"));
        });
        actix::spawn(self.around.outbox.clone().run());
    }
}

/// Tells a thread to run a source: a new one, or one that goes on where another thread has left off.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RunSource(pub Arc<Watch>);

impl Handler<RunSource> for SamplerThread {
    type Result = ();

    fn handle(&mut self, message: RunSource, _: &mut Context<SamplerThread>) {
        let RunSource(watch) = message;
        let name = watch.name;
        let source = SourceActor::new(watch, self.around.clone()).start();
        self.sources.insert(name, source);
    }
}

/// Tells a thread that its sources are open, so that it needs less.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropPrivileges(pub PathBuf);

impl Handler<DropPrivileges> for SamplerThread {
    type Result = ();

    fn handle(&mut self, message: DropPrivileges, _: &mut Context<SamplerThread>) {
        if let Err(error) = crate::privilege::drop_what_opening_took(&message.0) {
            tracing::warn!(
                "a thread that samples keeps capabilities that it does not need: {error}"
            );
        }
    }
}

/// Tells a thread to end a source. The answer is where it is closed.
#[derive(Message)]
#[rtype(result = "Option<Place>")]
pub struct EndSource(pub &'static str);

impl Handler<EndSource> for SamplerThread {
    type Result = ResponseFuture<Option<Place>>;

    fn handle(&mut self, message: EndSource, _: &mut Context<SamplerThread>) -> Self::Result {
        let source = self.sources.remove(message.0);
        Box::pin(async move {
            // One that does not answer any more has ended already.
            source?.send(Finish).await.ok().flatten()
        })
    }
}

/// Tells a thread to end all its sources and to send what they had. The answer is where those are
/// closed.
#[derive(Message)]
#[rtype(result = "Vec<Place>")]
pub struct Drain;

impl Handler<Drain> for SamplerThread {
    type Result = ResponseActFuture<SamplerThread, Vec<Place>>;

    fn handle(&mut self, _: Drain, _: &mut Context<SamplerThread>) -> Self::Result {
        let sources = std::mem::take(&mut self.sources);
        let outbox = self.around.outbox.clone();
        Box::pin(
            async move {
                let mut places = Vec::new();
                for source in sources.into_values() {
                    places.extend(source.send(Finish).await.ok().flatten());
                }
                outbox.finish().await;
                places
            }
            .into_actor(self),
        )
    }
}
