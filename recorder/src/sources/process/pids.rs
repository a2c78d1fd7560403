//! Which processes there are.
//!
//! Listing procfs costs the kernel 1.6 µs a process once a second. But pids are given out in
//! ascending order, and the one that was given out last stands at the end of `/proc/loadavg`, which
//! costs 1 µs in all: what is new since the last sample is between the two, and asking a pid for
//! its clock tells in 0.2 µs whether it is a process. So procfs is listed seldom. That a process
//! ended is seen when it is read.

use super::cpu_clock;
use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{leading_u64, rsplit_once};
use crate::source::SourceError;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, seek};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

/// Procfs is listed every so often in any case: a checkpoint that is restored chooses its pids
/// (`clone3` with `set_tid`), which moves nothing.
const LIST_EVERY_NS: u64 = 10_000_000_000;
/// A pid is given out a moment before its process can be seen, so each is looked at for this long.
const SETTLE_NS: u64 = 1_500_000_000;
/// It is also listed when more pids than these were given out since everything had settled, and
/// more than there are processes.
const FEW_PIDS: u32 = 256;
/// Bytes that directory entries are read into: about 1,000 processes at once.
const BUFFER_BYTES: usize = 32 * 1024;

/// Finds the processes that are new.
#[derive(Debug)]
pub struct Pids {
    root: PathBuf,
    directory: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
    found: Vec<u32>,
    limit: usize,
    left_out: usize,
    loadavg: Option<ProcFile>,
    /// Every process up to this pid could be seen when it was looked at.
    settled: u32,
    /// The pid that was the last at some time.
    settling: Option<(u32, u64)>,
    list_at_ns: u64,
    listed: usize,
}

impl Pids {
    /// The processes of the procfs at `root`, the `limit` lowest pids of them. `same_namespace`
    /// says whether its pids are those of this process's pid namespace: only then are clocks and
    /// the last pid in `loadavg`, which are the reader's, those of its processes.
    ///
    /// # Errors
    /// [`SourceError::Read`] when the directory cannot be opened.
    pub fn open(root: &Path, limit: usize, same_namespace: bool) -> Result<Pids, SourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| SourceError::read(root, error))?;
        let loadavg = ProcFile::open(root.join("loadavg"), Rendering::Whole);
        Ok(Pids {
            root: root.to_owned(),
            directory,
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES],
            found: Vec::new(),
            limit,
            left_out: 0,
            loadavg: loadavg.ok().filter(|_| same_namespace),
            settled: 0,
            settling: None,
            list_at_ns: 0,
            listed: 0,
        })
    }

    /// How many processes are beyond the limit.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Pids of processes, ascending: all that are new since the last call are among them.
    ///
    /// # Errors
    /// [`SourceError::Read`] when the directory cannot be read.
    pub fn poll(&mut self, now_ns: u64) -> Result<&[u32], SourceError> {
        self.found.clear();
        let last = self.last_pid();
        match last {
            Some(last) if now_ns < self.list_at_ns && self.is_near(last) => {
                let new = self.settled.saturating_add(1)..=last;
                // The kernel answers the thread that asks by its own number with the clock of its
                // process.
                let own = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
                let is_thread = |pid: u32| pid == own && pid != std::process::id();
                let is_process = |pid: &u32| cpu_clock::cpu_ns(*pid).is_some() && !is_thread(*pid);
                self.found.extend(new.filter(is_process));
            }
            _ => {
                self.list()?;
                self.listed = self.found.len();
                self.list_at_ns = now_ns + LIST_EVERY_NS;
            }
        }
        if let Some(last) = last {
            self.settle(last, now_ns);
        }
        Ok(&self.found)
    }

    /// Whether so few pids were given out that looking at each is cheaper than a list. When they
    /// have started again from below, that is not so.
    fn is_near(&self, last: u32) -> bool {
        let few = self.listed.max(FEW_PIDS as usize);
        last.checked_sub(self.settled).is_some_and(|given| given as usize <= few)
    }

    fn settle(&mut self, last: u32, now_ns: u64) {
        if last < self.settled {
            // They start again from below. What was not to be seen yet is found by another list.
            self.settled = last;
            self.settling = None;
            self.list_at_ns = now_ns + SETTLE_NS;
        }
        match self.settling {
            Some((pid, since_ns)) if now_ns >= since_ns.saturating_add(SETTLE_NS) => {
                self.settled = pid;
                self.settling = (last != pid).then_some((last, now_ns));
            }
            None if last != self.settled => self.settling = Some((last, now_ns)),
            _ => {}
        }
    }

    fn last_pid(&mut self) -> Option<u32> {
        let text = self.loadavg.as_mut()?.read().ok()?;
        let (_, last_pid) = rsplit_once(text.trim_ascii_end(), b' ')?;
        leading_u64(last_pid).and_then(|(pid, _)| u32::try_from(pid).ok())
    }

    fn list(&mut self) -> Result<(), SourceError> {
        self.left_out = 0;
        let failed = |error| SourceError::read(&self.root, error);
        seek(&self.directory, SeekFrom::Start(0)).map_err(failed)?;
        let mut entries = RawDir::new(&self.directory, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if let Some((pid, [])) = leading_u64(name)
                && let Ok(pid) = u32::try_from(pid)
            {
                if self.found.len() < self.limit {
                    self.found.push(pid);
                } else {
                    self.left_out += 1;
                }
            }
        }
        // procfs gives them in this order; a directory that a test made does not.
        self.found.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{LIST_EVERY_NS, Pids, SETTLE_NS};
    use std::path::Path;
    use std::process::{Child, Command};

    /// A process that sleeps until it is dropped.
    struct Sleeping(Child);

    impl Sleeping {
        fn start() -> Sleeping {
            Sleeping(Command::new("sleep").arg("100").spawn().unwrap())
        }

        fn id(&self) -> u32 {
            self.0.id()
        }
    }

    impl Drop for Sleeping {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_directory_is_listed_in_order_and_what_is_no_process_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["1", "42", "7", "self", "4x", "sys", "99999999999"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let mut pids = Pids::open(dir.path(), 100, false).unwrap();
        assert_eq!(pids.poll(0).unwrap(), [1, 7, 42]);
        std::fs::create_dir(dir.path().join("5")).unwrap();
        assert_eq!(pids.poll(1).unwrap(), [1, 5, 7, 42], "without clocks it is listed every time");
    }

    #[test]
    fn of_too_many_processes_the_lowest_are_kept_and_the_rest_is_counted() {
        // The kernel lists them in order. The lowest are those that live longest.
        let listed = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        let mut all: Vec<u32> = listed.filter_map(|name| name.to_str()?.parse().ok()).collect();
        all.sort_unstable();
        let mut pids = Pids::open(Path::new("/proc"), 1, true).unwrap();
        assert_eq!(pids.poll(0).unwrap(), &all[..1]);
        let left_out = pids.left_out();
        assert!(left_out > 0 || all.len() == 1, "{left_out} of {} left out", all.len());
    }

    #[test]
    fn a_new_process_is_found_without_a_list_and_is_looked_at_until_it_has_settled() {
        let mut pids = Pids::open(Path::new("/proc"), 100_000, true).unwrap();
        assert!(pids.poll(0).unwrap().contains(&std::process::id()));
        // From here on nothing but the last pid may lead to a process.
        let now_ns = 3 * SETTLE_NS;
        assert!(now_ns < LIST_EVERY_NS);
        pids.poll(now_ns - 1).unwrap();
        let child = Sleeping::start();
        for time_ns in [now_ns, now_ns + 1, now_ns + SETTLE_NS] {
            let found = pids.poll(time_ns).unwrap();
            assert!(found.contains(&child.id()), "{} is not in {found:?}", child.id());
            assert!(!found.contains(&std::process::id()), "procfs was listed");
        }
        pids.poll(now_ns + 2 * SETTLE_NS).unwrap();
        let found = pids.poll(now_ns + 3 * SETTLE_NS).unwrap();
        assert!(!found.contains(&child.id()), "it has settled, and is in {found:?}");
        drop(child);
    }

    #[test]
    fn threads_are_no_processes() {
        let mut pids = Pids::open(Path::new("/proc"), 100_000, true).unwrap();
        pids.poll(0).unwrap();
        let (started, wait) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            started.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            stopped.recv().unwrap_err();
        });
        let thread_id = wait.recv().unwrap().cast_unsigned();
        assert!(!pids.poll(1).unwrap().contains(&thread_id));
        drop(stop);
        thread.join().unwrap();
    }

    #[test]
    fn the_thread_that_samples_is_no_process_though_it_was_started_after_all_others() {
        let mut pids = Pids::open(Path::new("/proc"), 100_000, true).unwrap();
        pids.poll(0).unwrap();
        let thread = std::thread::spawn(move || {
            let own = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
            (own, pids.poll(1).unwrap().to_vec())
        });
        let (own, found) = thread.join().unwrap();
        assert!(!found.contains(&own), "thread {own} is among the processes {found:?}");
    }

    #[test]
    fn when_pids_start_again_from_below_procfs_is_listed() {
        let mut pids = Pids::open(Path::new("/proc"), 100_000, true).unwrap();
        pids.poll(0).unwrap();
        pids.settled = u32::MAX;
        let child = Sleeping::start();
        assert!(pids.poll(1).unwrap().contains(&std::process::id()));
        drop(child);
        let child = Sleeping::start();
        assert!(pids.poll(2).unwrap().contains(&child.id()), "and then it goes on as before");
        assert!(pids.settled < u32::MAX);
        drop(child);
    }
}
