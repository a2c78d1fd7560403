//! How much is decoded ahead of whoever consumes a scan: by bytes, since a few bytes of a block may
//! be many cells.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What blocks that nobody waits for yet may take when they are decoded. A second of 64 CPUs at
/// 1 ms is some 10 MiB.
const MOST_AHEAD_BYTES: u64 = 64 << 20;

/// The account of one segment's blocks, by their place in its plan.
#[derive(Default)]
pub struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    used_bytes: u64,
    /// The block that the consumer waits for: all before it were taken, and are not held any more.
    wanted: usize,
    is_closed: bool,
}

impl Ahead {
    /// Waits until the `at`-th block, which will take so many bytes, may be decoded: when it fits
    /// beside those that wait to be taken, or is the one that is waited for. False when nobody
    /// wants it any more.
    ///
    /// Blocks have to be begun in their order; then the one that is waited for is never behind one
    /// that waits here.
    pub fn enter(&self, at: usize, size_bytes: u64) -> bool {
        let mut state = self.state();
        while !state.is_closed
            && at > state.wanted
            && state.used_bytes.saturating_add(size_bytes) > MOST_AHEAD_BYTES
        {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.used_bytes = state.used_bytes.saturating_add(size_bytes);
        !state.is_closed
    }

    /// The consumer waits for the `at`-th block, and what it took before is gone.
    pub fn want(&self, at: usize, gone_bytes: u64) {
        let mut state = self.state();
        state.wanted = at;
        state.used_bytes = state.used_bytes.saturating_sub(gone_bytes);
        self.changed.notify_all();
    }

    /// Nobody wants any block any more.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, MOST_AHEAD_BYTES};
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn what_does_not_fit_waits_until_it_is_asked_for_and_no_longer_than_it_is_wanted() {
        let ahead = Arc::new(Ahead::default());
        assert!(ahead.enter(0, MOST_AHEAD_BYTES) && ahead.enter(0, MOST_AHEAD_BYTES));
        let (entered, wait) = mpsc::channel();
        for at in [1, 2] {
            let (ahead, entered) = (ahead.clone(), entered.clone());
            std::thread::spawn(move || entered.send((at, ahead.enter(at, MOST_AHEAD_BYTES + 1))));
        }
        let next = |millis| wait.recv_timeout(Duration::from_millis(millis)).ok();
        assert_eq!(next(50), None, "nobody asked for these");
        ahead.want(1, 2 * MOST_AHEAD_BYTES);
        assert_eq!(next(60_000), Some((1, true)));
        assert_eq!(next(50), None, "the first is still there");
        ahead.close();
        assert_eq!(next(60_000), Some((2, false)));
    }
}
