//! One recorder a directory.
//!
//! The directory itself is locked, and the file `lock` in it, which tells people who holds it. So
//! a second recorder is refused when somebody has deleted the file, too.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The name of the lock file.
const NAME: &str = "lock";

/// Who asks for the holder takes the lock for some microseconds, so one refusal says nothing.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// The lock of a recording, held until it is dropped or its process dies.
pub struct Lock {
    file: File,
    dir: File,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("held by the process with pid {pid}")]
    Held {
        /// The other process; 0 where it has not said yet.
        pid: u32,
    },
    /// The file cannot be created or locked.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock of the recording in `dir`.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(dir: &Path) -> Result<Lock, LockError> {
        let mut file = open(dir, OpenOptions::new().read(true).write(true).create(true))?;
        let dir = open_dir(dir)?;
        let locked = match exclusively(&dir) {
            // Some network file systems lock files alone.
            Ok(()) | Err(LockError::Io(_)) => exclusively(&file),
            held => held,
        };
        locked.map_err(|error| match error {
            LockError::Held { .. } => LockError::Held { pid: holder(&mut file) },
            error => error,
        })?;
        let lock = Lock { file, dir };
        // The pid is for people: on a full disk it cannot be written, and the lock holds all the
        // same.
        let _ = lock.write_pid();
        Ok(lock)
    }

    /// Takes the lock anew where the directory, or the file in it, is not the one that was locked
    /// any more: somebody has deleted or replaced it.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub fn renew(&mut self, dir: &Path) -> Result<(), LockError> {
        if !is_at(&self.dir, dir) {
            *self = Lock::take(dir)?;
        } else if !is_at(&self.file, &dir.join(NAME)) {
            // Nobody else has the directory, so whoever made the new file only asks.
            let file = open(dir, OpenOptions::new().read(true).write(true).create(true))?;
            exclusively(&file)?;
            self.file = file;
            let _ = self.write_pid();
        }
        Ok(())
    }

    fn write_pid(&self) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    }

    /// The pid of the recorder that writes the recording in `dir` now, if one does; 0 where it has
    /// not said. Takes nothing and writes nothing.
    pub fn holder(dir: &Path) -> Option<u32> {
        // The lock that asking takes goes with the file at the end of this function.
        let is_held = |file: &File| {
            flock(file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
        };
        match open(dir, OpenOptions::new().read(true)) {
            Ok(mut file) => is_held(&file).then(|| holder(&mut file)),
            // Until the recorder makes the file anew.
            Err(_) => open_dir(dir).is_ok_and(|dir| is_held(&dir)).then_some(0),
        }
    }
}

/// Given back at once: with its descriptors alone it would go when the last copy of them is closed, and
/// a child of this process has one until it executes its program.
impl Drop for Lock {
    fn drop(&mut self) {
        // Where it cannot be given back it goes with the descriptors.
        let _ = flock(&self.file, FlockOperation::Unlock);
        let _ = flock(&self.dir, FlockOperation::Unlock);
    }
}

fn exclusively(file: impl AsFd) -> Result<(), LockError> {
    let mut tries = TRIES;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if tries > 0 => {
                tries -= 1;
                std::thread::sleep(BETWEEN_TRIES);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held { pid: 0 }),
            Err(errno) => return Err(LockError::Io(errno.into())),
        }
    }
}

/// Opens the lock file, if it is one: a pipe would wait for somebody, and what a link names belongs
/// to somebody else.
fn open(dir: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options.mode(0o600).custom_flags(flags.bits().cast_signed()).open(dir.join(NAME));
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
    let file = file.map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => {
            refused("its file `lock` is a symbolic link; remove it, if nobody needs it")
        }
        _ => error,
    })?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(refused(
            "its file `lock` is not one of a recorder; remove it, if nobody needs it",
        ));
    }
    Ok(file)
}

fn open_dir(dir: &Path) -> io::Result<File> {
    let flags = (OFlags::DIRECTORY | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(dir)
}

/// Whether `path` still names the file or directory that is open. Only the path of a directory may
/// be a link.
fn is_at(file: &File, path: &Path) -> bool {
    let Ok(open) = file.metadata() else { return false };
    let there = if open.is_dir() { path.metadata() } else { path.symlink_metadata() };
    there.is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()))
}

fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) => text.trim().parse().unwrap_or(0),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Lock;

    #[test]
    fn a_lock_that_is_given_back_is_free_though_a_child_has_copies_of_its_descriptors() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let copies = [lock.file.try_clone().unwrap(), lock.dir.try_clone().unwrap()];
        assert_eq!(Lock::holder(dir.path()), Some(std::process::id()));
        drop(lock);
        assert_eq!(Lock::holder(dir.path()), None, "a copy holds it");
        Lock::take(dir.path()).unwrap();
        drop(copies);
    }
}
