//! A thread that samples: its clock, its way to the writer, and the sources on it.

use super::alert::Alert;
use super::clock::Clock;
use super::outbox::Outbox;
use super::source::{Finish, Open, SourceActor, Surroundings};
use super::supervisor::Opening;
use super::writer::Writer;
use crate::config::PlannedSource;
use crate::source::Context as SourceContext;
use actix::{
    Actor, Addr, Arbiter, Context, Handler, Message, ResponseActFuture, ResponseFuture, WrapFuture,
};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::rc::Rc;

/// What a lane needs to begin.
#[derive(Clone)]
pub struct LaneOptions {
    /// Takes records.
    pub writer: Addr<Writer>,
    /// Hears when the lane cannot go on.
    pub alert: Alert,
    /// What sources may know.
    pub context: SourceContext,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` to which deadlines are aligned, ns.
    pub offset_ns: i64,
    /// The most that may wait for the writer, bytes.
    pub queue_size_bytes: u64,
}

/// The actor that starts and ends the sources of one thread.
pub struct Lane {
    around: Surroundings,
    alert: Alert,
    sources: BTreeMap<&'static str, Addr<SourceActor>>,
}

impl Lane {
    /// Starts a thread of its own for a lane. `name` is what `top -H` shows, at most 15 bytes.
    ///
    /// # Errors
    /// When the kernel gives no thread.
    pub fn start_thread(name: &'static CStr, options: LaneOptions) -> std::io::Result<Addr<Lane>> {
        let arbiter = Arbiter::try_new()?;
        Ok(Lane::start_in_arbiter(&arbiter.handle(), move |_| {
            // Only the display suffers without it.
            let _ = rustix::thread::set_name(name);
            Lane::new(options)
        }))
    }

    fn new(options: LaneOptions) -> Lane {
        let LaneOptions { writer, alert, context, offset_ns, queue_size_bytes } = options;
        let overhead = context.overhead.clone();
        let around = Surroundings {
            clock: Clock::new(offset_ns),
            outbox: Outbox::new(writer.clone(), alert.clone(), overhead, queue_size_bytes),
            writer,
            context,
        };
        Lane { around, alert, sources: BTreeMap::new() }
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

/// Tells a lane to start a source.
#[derive(Message)]
#[rtype(result = "Opening")]
pub struct StartSource {
    /// Which, and how.
    pub plan: PlannedSource,
    /// Since when it is to be there, `CLOCK_BOOTTIME` ns: what the kernel would have sampled for it
    /// from then on and has not is a gap.
    pub since_ns: u64,
}

impl Handler<StartSource> for Lane {
    type Result = ResponseFuture<Opening>;

    fn handle(&mut self, message: StartSource, _: &mut Context<Lane>) -> Self::Result {
        let StartSource { plan, since_ns } = message;
        let name = plan.descriptor.name;
        let source = SourceActor::new(plan, self.around.clone(), since_ns).start();
        self.sources.insert(name, source.clone());
        Box::pin(async move {
            let opening = source.send(Open).await;
            opening.unwrap_or_else(|error| Opening::Unavailable(error.to_string()))
        })
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

/// Tells a lane to end a source.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndSource(pub &'static str);

impl Handler<EndSource> for Lane {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: EndSource, _: &mut Context<Lane>) -> Self::Result {
        let source = self.sources.remove(message.0);
        Box::pin(async move {
            if let Some(source) = source {
                // One that does not answer any more has ended already.
                let _ = source.send(Finish).await;
            }
        })
    }
}

/// Tells a lane to end all its sources and to send what they had.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

impl Handler<Drain> for Lane {
    type Result = ResponseActFuture<Lane, ()>;

    fn handle(&mut self, _: Drain, _: &mut Context<Lane>) -> Self::Result {
        let sources = std::mem::take(&mut self.sources);
        let outbox: Rc<Outbox> = self.around.outbox.clone();
        Box::pin(
            async move {
                for source in sources.into_values() {
                    let _ = source.send(Finish).await;
                }
                outbox.finish().await;
            }
            .into_actor(self),
        )
    }
}
