//! Which processes there are.
//!
//! Listing procfs costs the kernel 1.6 µs a process once a second. The pid that was given out last
//! stands at the end of `/proc/loadavg` and costs 1 µs in all, so the list is read again only when
//! that pid has moved. That a process ended is seen when it is read.

use crate::parse::{leading_u64, rsplit_once};
use crate::procfile::{ProcFile, Rendering};
use crate::source::SourceError;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, seek};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

/// The list is read every so often in any case: a checkpoint that is restored chooses its pids
/// (`clone3` with `set_tid`), which moves nothing.
const LIST_EVERY_NS: u64 = 10_000_000_000;
/// A pid is given out a moment before its process can be seen, so the list is read again for this
/// long after the last pid has moved.
const SETTLE_NS: u64 = 1_500_000_000;
/// Bytes that directory entries are read into: about 1,000 processes at once.
const BUFFER_BYTES: usize = 32 * 1024;

/// The processes that were there when it was last asked.
#[derive(Debug)]
pub struct Pids {
    root: PathBuf,
    directory: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
    pids: Vec<u32>,
    limit: usize,
    left_out: usize,
    loadavg: Option<ProcFile>,
    last_pid: u64,
    moved_ns: u64,
    list_at_ns: u64,
}

impl Pids {
    /// The processes of the procfs at `root`, the `limit` lowest pids of them. `same_namespace`
    /// says whether its pids are those of this process's pid namespace: only then is the last pid
    /// in `loadavg`, which is the reader's, one of them.
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
            pids: Vec::new(),
            limit,
            left_out: 0,
            loadavg: loadavg.ok().filter(|_| same_namespace),
            last_pid: 0,
            moved_ns: 0,
            list_at_ns: 0,
        })
    }

    /// How many processes are beyond the limit.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The pids there are, ascending, or `None` when there cannot be a new one since the last call.
    ///
    /// # Errors
    /// [`SourceError::Read`] when the directory cannot be read.
    pub fn changed(&mut self, now_ns: u64) -> Result<Option<&[u32]>, SourceError> {
        let last_pid = self.last_pid();
        if last_pid.is_none_or(|last_pid| last_pid != self.last_pid) {
            self.moved_ns = now_ns;
            self.last_pid = last_pid.unwrap_or(0);
        }
        if now_ns >= self.moved_ns.saturating_add(SETTLE_NS) && now_ns < self.list_at_ns {
            return Ok(None);
        }
        self.list()?;
        self.list_at_ns = now_ns + LIST_EVERY_NS;
        Ok(Some(&self.pids))
    }

    fn last_pid(&mut self) -> Option<u64> {
        let text = self.loadavg.as_mut()?.read().ok()?;
        let (_, last_pid) = rsplit_once(text.trim_ascii_end(), b' ')?;
        leading_u64(last_pid).map(|(pid, _)| pid)
    }

    fn list(&mut self) -> Result<(), SourceError> {
        self.pids.clear();
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
                if self.pids.len() < self.limit {
                    self.pids.push(pid);
                } else {
                    self.left_out += 1;
                }
            }
        }
        // procfs gives them in this order; a directory that a test made does not.
        self.pids.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{LIST_EVERY_NS, Pids};
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn a_new_process_is_listed_and_a_quiet_machine_is_not_listed_again() {
        let dir = tempfile::tempdir().unwrap();
        let loadavg = |last: u32| {
            let text = format!("0.00 0.00 0.00 1/90 {last}\n");
            std::fs::write(dir.path().join("loadavg"), text).unwrap();
        };
        let second = 1_000_000_000;
        for name in ["1", "42", "7", "self", "4x", "sys", "99999999999"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        loadavg(42);
        let mut pids = Pids::open(dir.path(), 100, true).unwrap();
        let mut listed = |now_ns| pids.changed(now_ns).unwrap().map(<[u32]>::to_vec);
        assert_eq!(listed(100 * second), Some(vec![1, 7, 42]));
        assert_eq!(listed(101 * second), Some(vec![1, 7, 42]), "42 might not have been visible");
        assert_eq!(listed(102 * second), None);
        std::fs::create_dir(dir.path().join("43")).unwrap();
        assert_eq!(listed(103 * second), None, "no pid was given out");
        loadavg(43);
        assert_eq!(listed(104 * second), Some(vec![1, 7, 42, 43]));
        assert_eq!(listed(105 * second), Some(vec![1, 7, 42, 43]));
        assert_eq!(listed(106 * second), None);
        std::fs::create_dir(dir.path().join("5")).unwrap();
        let later = 105 * second + LIST_EVERY_NS;
        assert_eq!(listed(later), Some(vec![1, 5, 7, 42, 43]), "a chosen pid is found in the end");
    }

    #[test]
    fn of_too_many_processes_the_lowest_are_kept_and_the_rest_is_counted() {
        let mut pids = Pids::open(Path::new("/proc"), 2, true).unwrap();
        assert_eq!(pids.changed(0).unwrap(), Some(&[1, 2][..]));
        assert!(pids.left_out() > 0);
    }

    #[test]
    fn a_real_process_is_found_by_the_pid_that_moved() {
        let mut pids = Pids::open(Path::new("/proc"), 100_000, true).unwrap();
        assert!(pids.changed(0).unwrap().unwrap().contains(&std::process::id()));
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let listed = pids.changed(1_000_000_000_000).unwrap();
        let found = listed.is_some_and(|pids| pids.contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found, "a process was started and the list was not read");
    }
}
