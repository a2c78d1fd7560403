//! Whose turn it is: two emulated machines run at a time, each of which mostly keeps one CPU busy; what
//! runs on this host itself is alone.

use std::sync::{Condvar, Mutex, PoisonError};

/// Machines at a time, where there are as many CPUs.
const MACHINES: usize = 2;

/// How many machines run; all that may while something runs on the host.
static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// A turn, over when this is dropped.
pub struct Turn(usize);

impl Turn {
    /// Waits for that of a machine.
    pub fn of_machine() -> Turn {
        Turn::take(1)
    }

    /// Waits until no machine runs.
    pub fn of_host() -> Turn {
        Turn::take(at_a_time())
    }

    fn take(count: usize) -> Turn {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |taken: &mut usize| *taken + count > at_a_time();
        let mut taken =
            GIVEN_BACK.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        *taken += count;
        Turn(count)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        GIVEN_BACK.notify_all();
    }
}

fn at_a_time() -> usize {
    std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(MACHINES))
}
