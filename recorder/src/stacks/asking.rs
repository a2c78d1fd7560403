//! Calls that may wait for the lock of another process's memory, or for a file server, made where
//! only they wait (see [`crate::waiting`]).
//!
//! What is known of a process and its files is read here and now. What is not known yet is asked
//! for on a helper thread, a few times a second on most nodes, at some 90 µs each. Whoever does not
//! answer in time is not asked again before that call has come back.

use crate::waiting::{Call, Crew, Waiters};
use rustix::fs::fstatfs;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::maps::FileKey;

/// Helpers of all sources of stacks together.
static CREW: Crew = Crew::new(c"nodemon-stack", 8);

/// So long an answer is waited for. A helper beside a load of 20 may not get a CPU for this long, and
/// is asked again with the next sample.
const PATIENCE: Duration = Duration::from_millis(50);

/// So long a batch of samples waits for answers in all: beside much other load each takes a while,
/// and what is behind this batch waits, too. What is not asked any more is asked for the next.
const MOST_WAITED: Duration = Duration::from_millis(100);

/// File systems of which this machine has the data, on a disk or in memory (`statfs(2)`). All others
/// may ask a server, or a program.
const LOCAL: [u64; 13] = [
    0x0000_EF53, // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683E, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58F6, // ramfs
    0x794C_7630, // overlay
    0x7371_7368, // squashfs
    0xE0F5_E1E2, // erofs
    0x2FC1_2FC1, // zfs
    0xF2F5_2010, // f2fs
    0xCA45_1A4E, // bcachefs
    0x0000_4D44, // vfat
    0x0000_9660, // iso9660
];

/// Whom a call may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Process(u32),
    File(FileKey),
}

/// Who has not answered, and whether the call has come back by now.
type Silent = (Whom, Arc<AtomicBool>);

/// Asks on helper threads. Clones ask the same.
#[derive(Clone)]
pub(super) struct Asking {
    waiters: Arc<Waiters<Errand>>,
    silent: Arc<Mutex<Vec<Silent>>>,
    unanswered: Arc<AtomicBool>,
    /// What this batch has waited, ns.
    waited_ns: Arc<AtomicU64>,
    /// CPU time that calls took, ns.
    took_ns: Arc<AtomicU64>,
}

/// A call with the way for its answer.
struct Errand(Box<dyn FnMut() + Send>);

impl Call for Errand {
    fn make(&mut self) {
        (self.0)();
    }
}

impl Asking {
    /// Nobody is asked yet.
    pub(super) fn new() -> Asking {
        let waiters = Arc::new(Waiters::new(&CREW));
        let (silent, unanswered, waited_ns, took_ns) = Default::default();
        Asking { waiters, silent, unanswered, waited_ns, took_ns }
    }

    /// What `call` says, or `None` where it has not come back in time or is not to be waited for.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        whom: Whom,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let has_waited = Duration::from_nanos(self.waited_ns.load(Ordering::Relaxed));
        if has_waited >= MOST_WAITED || self.is_silent(whom) {
            self.unanswered.store(true, Ordering::Relaxed);
            return None;
        }
        let (answer, answered) = sync_channel(1);
        let has_come_back = Arc::new(ComesBack::default());
        let (flag, mut call) = (has_come_back.0.clone(), Some((call, answer, has_come_back)));
        let took_ns = self.took_ns.clone();
        let errand = move || {
            if let Some((call, answer, has_come_back)) = call.take() {
                let begun = cpu_time();
                // Nobody takes what comes too late.
                let _ = answer.send(call());
                let took = cpu_time().saturating_sub(begun).as_nanos();
                took_ns.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
                drop(has_come_back);
            }
        };
        let begun = Instant::now();
        self.waiters.exchange(&mut vec![Errand(Box::new(errand))], PATIENCE);
        let waited_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(waited_ns, Ordering::Relaxed);
        let found = answered.try_recv().ok();
        if found.is_none() {
            self.unanswered.store(true, Ordering::Relaxed);
            self.silent().push((whom, flag));
        }
        found
    }

    /// Whether somebody has not come back from a call, however long ago.
    fn is_silent(&self, whom: Whom) -> bool {
        let mut silent = self.silent();
        silent.retain(|(_, has_come_back)| !has_come_back.load(Ordering::Acquire));
        silent.iter().any(|(other, _)| *other == whom)
    }

    /// Another batch begins.
    pub(super) fn settle(&self) {
        self.waited_ns.store(0, Ordering::Relaxed);
    }

    /// CPU time that calls took since this was asked last.
    pub(super) fn take_cpu_time(&self) -> Duration {
        Duration::from_nanos(self.took_ns.swap(0, Ordering::Relaxed))
    }

    /// Whether somebody did not answer since this was asked last.
    pub(super) fn take_unanswered(&self) -> bool {
        self.unanswered.swap(false, Ordering::Relaxed)
    }

    fn silent(&self) -> MutexGuard<'_, Vec<Silent>> {
        // What a panic could leave half done here are single assignments.
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Says so when it is dropped: when its call has come back, panicked, or was not made at all.
#[derive(Default)]
struct ComesBack(Arc<AtomicBool>);

impl Drop for ComesBack {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Whether this machine has the data of a file.
pub(super) fn is_local(file: &File) -> bool {
    let kind = fstatfs(file).map(|found| u64::try_from(found.f_type).unwrap_or_default());
    kind.is_ok_and(|kind| LOCAL.contains(&(kind & 0xFFFF_FFFF)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Asking, PATIENCE, Whom};
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    #[test]
    fn whoever_does_not_answer_is_waited_for_once_and_asked_again_when_he_has() {
        let asking = Asking::new();
        let (go_on, wait) = channel::<()>();
        let hung = Whom::Process(1);
        let begun = Instant::now();
        assert_eq!(asking.ask(hung, move || wait.recv().is_ok()), None, "it hangs");
        assert!(begun.elapsed() >= PATIENCE, "it was waited for {:?}", begun.elapsed());
        let begun = Instant::now();
        for _ in 0..1000 {
            assert_eq!(asking.ask(hung, || 1), None, "it hangs still");
        }
        assert!(begun.elapsed() < PATIENCE, "it was waited for again: {:?}", begun.elapsed());
        let mut answer = None;
        for _ in 0..20 {
            // A busy machine may not answer in time.
            asking.settle();
            answer = answer.or_else(|| asking.ask(Whom::Process(2), || 2));
        }
        assert_eq!(answer, Some(2), "another one answers meanwhile");
        assert!(asking.take_unanswered() && !asking.take_unanswered());
        go_on.send(()).unwrap();
        let begun = Instant::now();
        while asking.ask(hung, || 3) != Some(3) {
            asking.settle();
            assert!(begun.elapsed().as_secs() < 20, "it is not asked again");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_batch_waits_so_long_in_all_and_the_next_one_asks_on() {
        let asking = Asking::new();
        let slow = || std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        let answers = (0..100).filter_map(|pid| asking.ask(Whom::Process(pid), slow)).count();
        assert!((1..=5).contains(&answers), "{answers} of 100 were waited for");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        asking.settle();
        assert!(asking.ask(Whom::Process(1000), slow).is_some(), "the next batch");
    }
}
