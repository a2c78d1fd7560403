//! One recorder a directory.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
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
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(dir.join(NAME))?;
        let mut tries = TRIES;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(BETWEEN_TRIES);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(LockError::Held { pid: holder(&mut file) });
                }
                Err(errno) => return Err(LockError::Io(errno.into())),
            }
        }
        let lock = Lock { file };
        // The pid is for people: on a full disk it cannot be written, and the lock holds all the
        // same.
        let _ = lock.write_pid();
        Ok(lock)
    }

    fn write_pid(&self) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    }

    /// The pid of the recorder that writes the recording in `dir` now, if one does. Takes nothing
    /// and writes nothing.
    pub fn holder(dir: &Path) -> Option<u32> {
        let mut file = File::open(dir.join(NAME)).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Some(holder(&mut file)),
            // The lock goes with the file at the end of this function.
            _ => None,
        }
    }
}

fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) => text.trim().parse().unwrap_or(0),
        Err(_) => 0,
    }
}
