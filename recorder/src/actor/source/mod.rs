//! The actor of one running source: wakes it at each tick, has it opened, and lets it end.
//!
//! What the source has ([`SourceState`]) is not the actor's own: it lies in the source's [`Watch`],
//! out of which another actor on another thread takes it when this thread does not come back.

pub mod account;
mod backoff;
mod pace;
mod state;
pub mod supervisor;

pub use state::{SourceState, Watch};

use crate::actor::message::AddTables;
use crate::actor::thread::clock::Tick;
use crate::actor::thread::surroundings::Surroundings;
use crate::actor::thread::workers::Place;
use crate::actor::watch::Notice;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult,
    SpawnHandle, StreamHandler, WrapFuture,
};
use nodemon_formats::narrow::duration_ns;
use state::Next;
use std::sync::Arc;

/// The actor of one source.
pub struct SourceActor {
    watch: Arc<Watch>,
    around: Surroundings,
    /// Its number among the actors of the source.
    number: u64,
    ticks: Option<SpawnHandle>,
    has_ended: bool,
}

impl SourceActor {
    /// An actor for the source of `watch`, which goes on where the one before has left off.
    pub fn new(watch: Arc<Watch>, around: Surroundings) -> SourceActor {
        SourceActor { watch, around, number: 0, ticks: None, has_ended: false }
    }

    /// Does something with what the source has, unless another actor has it now.
    fn with_state(
        &mut self,
        ctx: &mut Context<SourceActor>,
        what: impl FnOnce(&mut SourceState, &Arc<Watch>, &Surroundings) -> Next,
    ) {
        let watch = self.watch.clone();
        let next = match watch.state().as_mut() {
            Some(state) if watch.is_of(self.number) => what(state, &watch, &self.around),
            _ => Next::End,
        };
        self.follow(next, ctx);
    }

    fn follow(&mut self, next: Next, ctx: &mut Context<SourceActor>) {
        match next {
            Next::GoOn => {}
            Next::Number(tables) => {
                let numbers = self.around.writer.send(AddTables(tables)).into_actor(self);
                ctx.spawn(numbers.map(|numbers, actor, ctx| {
                    // The writer outlives every source; when it does not, there is nobody to
                    // record for.
                    let numbers = numbers.unwrap_or_default();
                    actor.with_state(ctx, |state, _, around| state.connect(&numbers, around));
                }));
            }
            Next::Begin(every) => {
                self.stop_ticks(ctx);
                let every_ns = duration_ns(every);
                // From the last sample on, so that deadlines which passed since then are counted.
                let ticks = self.around.clock.ticks(every_ns, self.watch.account().until_ns());
                self.ticks = Some(ctx.add_stream(ticks));
            }
            Next::Retry(wait) => {
                self.stop_ticks(ctx);
                ctx.run_later(wait, |actor, ctx| {
                    actor.with_state(ctx, SourceState::open);
                });
            }
            Next::End => {
                self.has_ended = true;
                self.stop_ticks(ctx);
                ctx.stop();
            }
        }
    }

    fn stop_ticks(&mut self, ctx: &mut Context<SourceActor>) {
        if let Some(ticks) = self.ticks.take() {
            ctx.cancel_future(ticks);
        }
    }
}

impl Actor for SourceActor {
    type Context = Context<SourceActor>;

    fn started(&mut self, ctx: &mut Context<SourceActor>) {
        self.number = self.watch.taken_over_by(ctx.address().recipient());
        self.with_state(ctx, SourceState::go_on);
    }
}

impl Drop for SourceActor {
    /// An actor that panics is dropped by the runtime, which says nothing.
    fn drop(&mut self) {
        if !self.has_ended {
            self.watch.actor_died(self.number);
        }
    }
}

impl StreamHandler<Tick> for SourceActor {
    fn handle(&mut self, tick: Tick, ctx: &mut Context<SourceActor>) {
        self.with_state(ctx, |state, watch, around| state.sample(tick, watch, around));
    }

    /// Ticks end when they are cancelled, which is no reason to stop.
    fn finished(&mut self, _: &mut Context<SourceActor>) {}
}

impl Handler<Notice> for SourceActor {
    type Result = ();

    fn handle(&mut self, told: Notice, ctx: &mut Context<SourceActor>) {
        match told {
            Notice::Opened => self.with_state(ctx, SourceState::opened),
            Notice::Raise(asked) => self.with_state(ctx, |state, _, _| state.raise(asked)),
            Notice::Drain => self.with_state(ctx, SourceState::drain_now),
            #[cfg(test)]
            Notice::Panic => panic!("the actor itself"),
        }
    }
}

/// Tells a source to send what it has and to end. The answer is where it is being closed.
#[derive(Message)]
#[rtype(result = "Option<Place>")]
pub struct Finish;

impl Handler<Finish> for SourceActor {
    type Result = MessageResult<Finish>;

    fn handle(&mut self, _: Finish, ctx: &mut Context<SourceActor>) -> Self::Result {
        let mut place = None;
        self.with_state(ctx, |state, watch, around| {
            place = state.finish(watch, around);
            Next::End
        });
        // Nothing of it is left for another actor.
        if self.watch.is_of(self.number) {
            self.watch.state().take();
        }
        MessageResult(place)
    }
}
