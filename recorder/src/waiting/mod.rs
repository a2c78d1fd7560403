//! Calls that may wait for somebody else's code, made where only they wait.
//!
//! A `statfs` waits for a file server, a read of another process's command line for the lock of its
//! memory, and either may do so for ever. A thread that samples never makes such a call: it hands
//! it to helper threads and takes up what has come back. One helper makes all calls, one after the
//! other, as long as none hangs. One that hangs holds only its helper; another is started for the
//! calls behind it. Helpers are bounded in number ([`Crew`]), never joined, and end with the
//! process whatever they wait for.
//!
//! Who hands calls over waits for those that do not hang, so that what is recorded is of now and
//! not of the sample before: [`Waiters::exchange`] comes back as soon as every call has, and gives
//! one that has not come back within its patience up, once. It is not waited for again. So a hang
//! costs a sample its patience when it begins, and nothing as long as it lasts.
//! Measured beside a load of 8 on two CPUs, in the median: an exchange of one call takes 90 µs (two
//! switches of threads), one of 100 calls 115 µs, one without a call 40 ns.

#[cfg(test)]
mod tests;

use nodemon_formats::GapCause;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The cause of gaps of what does not answer.
pub const HANGS: GapCause = GapCause::SourceFailed;

/// How long a call of a source that samples every `interval` is waited for: a server that is well
/// answers within a few milliseconds, a helper beside a load of 8 may not get a CPU for 50, and what
/// shares the thread must not miss its time.
pub fn patience(interval: Duration) -> Duration {
    const MOST: Duration = Duration::from_millis(100);
    MOST.min(interval / 4)
}

/// Stack of a helper, which makes one system call.
const STACK_BYTES: usize = 128 * 1024;

/// A call that may wait, with what it is asked and what it answered.
pub trait Call: Send + 'static {
    /// Makes the call. It may never come back.
    fn make(&mut self);
}

/// The helper threads of one kind of call, of the whole process: a source that is reopened does
/// not get more of them.
#[derive(Debug)]
pub struct Crew {
    /// What `top -H` shows, at most 15 bytes.
    name: &'static CStr,
    most: usize,
    threads: AtomicUsize,
}

impl Crew {
    /// A crew of at most `most` threads.
    pub const fn new(name: &'static CStr, most: usize) -> Crew {
        Crew { name, most, threads: AtomicUsize::new(0) }
    }

    /// How many threads it may have.
    pub fn most(&self) -> usize {
        self.most
    }

    fn hire(&'static self) -> Option<Hired> {
        let more = |threads| (threads < self.most).then_some(threads + 1);
        let hired = self.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        // Made only then: one that is dropped counts down.
        hired.is_ok().then(|| Hired(self))
    }
}

/// A thread of a crew, counted until this is dropped.
struct Hired(&'static Crew);

impl Drop for Hired {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes calls of one kind for one source.
pub struct Waiters<C: Call> {
    crew: &'static Crew,
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    state: Mutex<State<C>>,
    /// There is a call to make, or nothing more to do.
    work: Condvar,
    /// No call waits to be taken up any more.
    done: Condvar,
}

struct State<C> {
    asked: VecDeque<C>,
    answered: Vec<C>,
    helpers: Vec<Helper>,
    /// When a call was taken up or came back last.
    moved: Instant,
    is_closed: bool,
}

/// What one helper does. Its place is free again when it has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Helper {
    Ended,
    Idle,
    /// It makes a call, since then.
    Busy(Instant),
    /// The same, and nobody waits for it any more.
    Hangs,
}

impl<C: Call> Waiters<C> {
    /// Nobody is there yet: helpers start when there is something to do.
    pub fn new(crew: &'static Crew) -> Waiters<C> {
        let state = State {
            asked: VecDeque::new(),
            answered: Vec::new(),
            helpers: Vec::new(),
            moved: Instant::now(),
            is_closed: false,
        };
        let shared =
            Shared { state: Mutex::new(state), work: Condvar::new(), done: Condvar::new() };
        Waiters { crew, shared: Arc::new(shared) }
    }

    /// How many helpers there may be.
    pub fn most(&self) -> usize {
        self.crew.most()
    }

    /// Has `calls` made, and puts into it what came back: those that were made, of this exchange
    /// and of earlier ones, and those that could not be taken up because every helper hangs, as
    /// they were. Waits for each as long as `patience`, but for none that was waited for before.
    pub fn exchange(&self, calls: &mut Vec<C>, patience: Duration) {
        if calls.is_empty() {
            if let Ok(mut state) = self.shared.state.try_lock() {
                calls.append(&mut state.answered);
            }
            return;
        }
        let mut state = self.shared.lock();
        state.asked.extend(calls.drain(..));
        state.moved = Instant::now();
        let mut more = 1;
        self.shared.work.notify_one();
        loop {
            let now = Instant::now();
            state.give_up(now, patience);
            if state.asked.is_empty() && state.awaited().is_none() {
                break;
            }
            if state.awaited().is_none() && !state.helpers.contains(&Helper::Idle) {
                // Servers with many mounts go away with all of them at once.
                if self.start(&mut state, more) == 0 {
                    break;
                }
                more *= 2;
                state.moved = now;
            }
            let since = state.awaited().unwrap_or(state.moved);
            let Some(left) = patience.checked_sub(now.saturating_duration_since(since)) else {
                // A helper that does not get a CPU.
                break;
            };
            let waited = self.shared.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        calls.append(&mut state.answered);
        calls.extend(state.asked.drain(..));
    }

    /// Has `calls` made without waiting for any: they come back from an exchange later.
    pub fn ask(&self, calls: &mut Vec<C>) {
        if calls.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        state.asked.extend(calls.drain(..));
        if !state.helpers.contains(&Helper::Idle) {
            self.start(&mut state, 1);
        }
        self.shared.work.notify_one();
    }

    /// Starts up to `more` helpers, and says how many.
    fn start(&self, state: &mut State<C>, more: usize) -> usize {
        (0..more).take_while(|_| self.start_one(state)).count()
    }

    fn start_one(&self, state: &mut State<C>) -> bool {
        let Some(hired) = self.crew.hire() else { return false };
        let free = state.helpers.iter().position(|helper| *helper == Helper::Ended);
        let place = free.unwrap_or_else(|| {
            state.helpers.push(Helper::Ended);
            state.helpers.len() - 1
        });
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let Hired(crew) = hired;
            prepare(crew.name);
            shared.serve(place);
            drop(hired);
        });
        let is_started = thread.is_ok();
        if is_started && let Some(helper) = state.helpers.get_mut(place) {
            *helper = Helper::Idle;
        }
        is_started
    }
}

impl<C: Call> Drop for Waiters<C> {
    /// Helpers end when they come back. Nobody waits for that.
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.work.notify_all();
    }
}

/// Makes the calling thread a helper.
fn prepare(name: &CStr) {
    // Only the display suffers without it.
    let _ = rustix::thread::set_name(name);
    if let Err(error) = crate::privilege::drop_all_but_reading() {
        tracing::warn!("a helper thread keeps capabilities that it does not need: {error}");
    }
}

impl<C: Call> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // What a panic could leave half done here are single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes calls until there is nothing to do for a second helper, or nobody who asks.
    fn serve(&self, place: usize) {
        let mut state = self.lock();
        loop {
            let Some(mut call) = state.asked.pop_front() else {
                let others = state.helpers.iter().enumerate().filter(|&(at, _)| at != place);
                let is_spare = others.into_iter().any(|(_, helper)| *helper == Helper::Idle);
                if state.is_closed || is_spare {
                    state.set(place, Helper::Ended);
                    return;
                }
                state.set(place, Helper::Idle);
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now = Instant::now();
            state.moved = now;
            state.set(place, Helper::Busy(now));
            drop(state);
            // One that panics comes back like one that was not made.
            let _ = catch_unwind(AssertUnwindSafe(|| call.make()));
            state = self.lock();
            state.moved = Instant::now();
            state.set(place, Helper::Idle);
            state.answered.push(call);
            if state.asked.is_empty() {
                self.done.notify_one();
            }
        }
    }
}

impl<C> State<C> {
    fn set(&mut self, place: usize, what: Helper) {
        if let Some(helper) = self.helpers.get_mut(place) {
            *helper = what;
        }
    }

    /// Since when the oldest call is out that is still waited for.
    fn awaited(&self) -> Option<Instant> {
        let since = self.helpers.iter().filter_map(|helper| match helper {
            Helper::Busy(since) => Some(*since),
            _ => None,
        });
        since.min()
    }

    fn give_up(&mut self, now: Instant, patience: Duration) {
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= patience;
        for helper in &mut self.helpers {
            if matches!(helper, Helper::Busy(since) if is_over(since)) {
                *helper = Helper::Hangs;
            }
        }
    }
}
