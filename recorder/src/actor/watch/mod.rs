//! A source as others see it: what it is at, what of it is accounted for, and what it has, so that
//! it can go on elsewhere when the thread that it shares does not come back.

mod call;
mod culprit;

pub use call::{Call, Doing, InCall};
pub use culprit::culprit_of;

use crate::actor::message::Raised;
use crate::actor::source::account::Account;
use crate::actor::source::supervisor::{Attempted, Opening};
use crate::actor::thread::workers::Place;
use crate::config::PlannedSource;
use crate::overhead::SourceOverhead;
use crate::source::Sink;
use actix::{Message, Recipient};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// One source, which has `S` while it runs. Its actor holds the locks for as long as it works with what is behind them; nobody
/// else wants them unless the actor's thread hangs, so they cost some 20 ns.
pub struct Watch<S> {
    /// Its name.
    pub name: &'static str,
    /// How far apart its samples are, ns; 0 where events come at any time.
    pub interval_ns: u64,
    /// What it counts.
    pub overhead: Arc<SourceOverhead>,
    /// The call that is under way.
    pub call: Call,
    state: Mutex<Option<S>>,
    account: Mutex<Account>,
    arrival: Mutex<Arrival>,
    /// Whether a sample drains what the kernel has sampled.
    drains: AtomicBool,
    /// Counts the actors that it has had: only the last one matters.
    actors: AtomicU64,
    /// The last actor that ended without having been told to; 0 for none.
    died: AtomicU64,
}

/// What the actor of a source is told.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Notice {
    /// The attempt to open the source is over; what it came to is in its [`Watch`].
    Opened,
    /// To sample the source more often for a while.
    Raise(Raised),
    /// To see at once what the source has: it is drained.
    Drain,
    /// To panic, outside of its source.
    #[cfg(test)]
    Panic,
}

/// What comes from other threads for a source.
#[derive(Default)]
struct Arrival {
    actor: Option<Recipient<Notice>>,
    /// What the attempt to open it came to.
    opened: Option<(Attempted, Sink)>,
    /// Where the attempt is made.
    place: Option<Place>,
    /// Who started it wants to know how that went.
    answer: Option<oneshot::Sender<Opening>>,
}

impl<S> Watch<S> {
    /// A source that is not open yet. What starting it comes to is told through `answer`.
    pub fn new(
        plan: &PlannedSource,
        overhead: Arc<SourceOverhead>,
        account: Account,
        answer: oneshot::Sender<Opening>,
        state: S,
    ) -> Watch<S> {
        Watch {
            name: plan.descriptor.name,
            interval_ns: plan.asked.interval_ns(),
            overhead,
            call: Call::default(),
            account: Mutex::new(account),
            state: Mutex::new(Some(state)),
            arrival: Mutex::new(Arrival { answer: Some(answer), ..Arrival::default() }),
            drains: AtomicBool::new(false),
            actors: AtomicU64::new(0),
            died: AtomicU64::new(0),
        }
    }

    /// What it has; `None` once it has ended.
    pub fn state(&self) -> MutexGuard<'_, Option<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its account.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrival(&self) -> MutexGuard<'_, Arrival> {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An actor takes the source over. Returns its number; the ones before are not listened to any
    /// more.
    pub fn taken_over_by(&self, actor: Recipient<Notice>) -> u64 {
        self.arrival().actor = Some(actor);
        self.actors.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether the actor of this number is the one that has the source.
    pub fn is_of(&self, actor: u64) -> bool {
        self.actors.load(Ordering::Acquire) == actor
    }

    /// The actor of this number has ended, without having been told to.
    pub fn actor_died(&self, actor: u64) {
        self.died.store(actor, Ordering::Release);
    }

    /// Whether the actor that has the source has died.
    pub fn has_died(&self) -> bool {
        let died = self.died.load(Ordering::Acquire);
        died != 0 && self.is_of(died)
    }

    /// Whether a sample of it drains what the kernel has sampled.
    pub fn drains(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }

    /// A sample of it drains what the kernel has sampled, or does not.
    pub fn set_drains(&self, drains: bool) {
        self.drains.store(drains, Ordering::Relaxed);
    }

    /// The source is being opened there.
    pub fn is_opened_at(&self, place: Place) {
        self.arrival().place = Some(place);
    }

    /// Where the source is being opened.
    pub fn place(&self) -> Option<Place> {
        self.arrival().place.clone()
    }

    /// An attempt to open the source came to this; its actor is told.
    pub fn has_opened(&self, attempted: Attempted, sink: Sink) {
        self.call.end();
        let mut arrival = self.arrival();
        arrival.opened = Some((attempted, sink));
        if let Some(actor) = &arrival.actor {
            actor.do_send(Notice::Opened);
        }
    }

    /// Has its actor told something, if it has one.
    pub fn tell(&self, notice: Notice) {
        if let Some(actor) = &self.arrival().actor {
            actor.do_send(notice);
        }
    }

    /// Makes its actor panic.
    #[cfg(test)]
    pub fn break_actor(&self) {
        self.tell(Notice::Panic);
    }

    /// What the attempt to open it came to, once.
    pub fn take_opened(&self) -> Option<(Attempted, Sink)> {
        self.arrival().opened.take()
    }

    /// Tells whoever started the source how that went, the first time.
    pub fn answer(&self, opening: Opening) -> Option<Opening> {
        match self.arrival().answer.take() {
            Some(answer) => answer.send(opening).err(),
            None => Some(opening),
        }
    }
}
