//! A thread that samples: its clock, its way to the writer, and the sources on it.

use super::alert::Alert;
use super::clock::Clock;
use super::outbox::Outbox;
use super::source::{Finish, SourceActor, Watch};
use super::surroundings::Surroundings;
use super::workers::{Place, Workers};
use super::writer::Writer;
use crate::source::Context as SourceContext;
use actix::{
    Actor, Addr, Arbiter, Context, Handler, Message, ResponseActFuture, ResponseFuture, WrapFuture,
};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;

/// What a lane needs to begin.
#[derive(Clone)]
pub struct LaneOptions {
    /// Takes records.
    pub writer: Addr<Writer>,
    /// Hears when the lane cannot go on.
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

impl LaneOptions {
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
pub struct Lane {
    around: Surroundings,
    alert: Alert,
    sources: BTreeMap<&'static str, Addr<SourceActor>>,
}

impl Lane {
    /// Starts a thread of its own for a lane, whose sources send through `outbox`. `name` is what
    /// `top -H` shows, at most 15 bytes.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn start_thread(
        name: &'static CStr,
        options: LaneOptions,
        outbox: Arc<Outbox>,
    ) -> std::io::Result<Addr<Lane>> {
        let arbiter = Arbiter::try_new()?;
        Ok(Lane::start_in_arbiter(&arbiter.handle(), move |_| {
            // Only the display suffers without it.
            let _ = rustix::thread::set_name(name);
            let around = Surroundings {
                clock: Clock::new(options.offset_ns),
                outbox,
                writer: options.writer,
                workers: options.workers,
                thread: rustix::thread::gettid().as_raw_nonzero().get(),
            };
            Lane { around, alert: options.alert, sources: BTreeMap::new() }
        }))
    }
}

impl Actor for Lane {
    type Context = Context<Lane>;

    fn started(&mut self, _: &mut Context<Lane>) {
        let (clock, alert) = (self.around.clock.clone(), self.alert.clone());
        actix::spawn(async move {
            let error = clock.run().await;
            alert.raise(&format!("the clock of a sampling thread has failed: {error}"));
        });
        actix::spawn(self.around.outbox.clone().run());
    }
}

/// Tells a lane to run a source: a new one, or one that goes on where another thread has left off.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RunSource(pub Arc<Watch>);

impl Handler<RunSource> for Lane {
    type Result = ();

    fn handle(&mut self, message: RunSource, _: &mut Context<Lane>) {
        let RunSource(watch) = message;
        let name = watch.name;
        let source = SourceActor::new(watch, self.around.clone()).start();
        self.sources.insert(name, source);
    }
}

/// Tells a lane that its sources are open, so that its thread needs less.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropPrivileges(pub PathBuf);

impl Handler<DropPrivileges> for Lane {
    type Result = ();

    fn handle(&mut self, message: DropPrivileges, _: &mut Context<Lane>) {
        if let Err(error) = crate::privilege::drop_what_opening_took(&message.0) {
            tracing::warn!(
                "a thread that samples keeps capabilities that it does not need: {error}"
            );
        }
    }
}

/// Tells a lane to end a source. The answer is where it is let go of.
#[derive(Message)]
#[rtype(result = "Option<Place>")]
pub struct EndSource(pub &'static str);

impl Handler<EndSource> for Lane {
    type Result = ResponseFuture<Option<Place>>;

    fn handle(&mut self, message: EndSource, _: &mut Context<Lane>) -> Self::Result {
        let source = self.sources.remove(message.0);
        Box::pin(async move {
            // One that does not answer any more has ended already.
            source?.send(Finish).await.ok().flatten()
        })
    }
}

/// Tells a lane to end all its sources and to send what they had. The answer is where those are let
/// go of.
#[derive(Message)]
#[rtype(result = "Vec<Place>")]
pub struct Drain;

impl Handler<Drain> for Lane {
    type Result = ResponseActFuture<Lane, Vec<Place>>;

    fn handle(&mut self, _: Drain, _: &mut Context<Lane>) -> Self::Result {
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
