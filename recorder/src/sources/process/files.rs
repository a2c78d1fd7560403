//! The files of processes: opened when needed, kept open for those that keep running.
//!
//! Measured on a virtual machine, µs a file, once a second (and back to back):
//!
//! | | open, read, close | `pread` of a kept file |
//! | --- | --- | --- |
//! | `stat` | 6.3 (2.6) | 4.4 (1.2) |
//! | `status` | 8.4 (4.2) | 5.6 (2.7) |
//! | `io` | 4.7 (2.1) | 2.5 (0.7) |
//! | the CPU clock, for comparison | | 1.0 (0.2) |
//!
//! So keeping a file saves two microseconds a read; it costs the kernel a buffer of a page. Worth
//! it for what is read every second, and for nothing else.

use crate::kernel_files::descriptor_budget;
use crate::kernel_files::file::{ReadBuffer, Rendering};
use crate::source::SourceError;
use rustix::fd::OwnedFd;
use rustix::fs::{Access, AtFlags, Mode, OFlags, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that are kept at most: three each of 256 processes.
const KEPT_FILES: usize = 768;

/// Where the files of one process are, relative to procfs: `4711/stat`.
#[derive(Debug)]
pub struct ProcessPath {
    text: Vec<u8>,
    directory_bytes: usize,
}

impl ProcessPath {
    /// The path of process `pid`.
    pub fn new(pid: u32) -> ProcessPath {
        let text = format!("{pid}/").into_bytes();
        ProcessPath { directory_bytes: text.len(), text }
    }

    fn join(&mut self, file: &str) -> &[u8] {
        self.text.truncate(self.directory_bytes);
        self.text.extend_from_slice(file.as_bytes());
        &self.text
    }
}

/// What was kept open of one process.
#[derive(Debug, Default)]
pub struct KeptFiles {
    /// `stat`.
    pub stat: Option<File>,
    /// `status`.
    pub status: Option<File>,
    /// `io`, which a helper reads.
    pub io: Option<Arc<File>>,
}

/// An open file that a helper is to read.
#[derive(Debug)]
pub enum Opened {
    /// One that stays open.
    Kept(Arc<File>),
    /// One for this one read.
    Once(File),
}

impl AsRef<File> for Opened {
    fn as_ref(&self) -> &File {
        match self {
            Opened::Kept(file) => file,
            Opened::Once(file) => file,
        }
    }
}

/// Why a file of a process was not read.
#[derive(Debug)]
pub enum Missing {
    /// The process is no more.
    Gone,
    /// It exists and cannot be read: not by this user, not now.
    Unreadable,
    /// The recorder has run out of something, so this is not about the process.
    Failed(SourceError),
}

/// Reads files of processes.
#[derive(Debug)]
pub struct Reader {
    proc: OwnedFd,
    root: PathBuf,
    buffer: ReadBuffer,
    may_keep: usize,
}

impl Reader {
    /// A reader for the procfs that is mounted at `root`.
    ///
    /// # Errors
    /// [`SourceError::Read`] when it cannot be opened.
    pub fn open(root: &Path) -> Result<Reader, SourceError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| SourceError::read(root, error))?;
        let may_keep = descriptor_budget::share(KEPT_FILES);
        Ok(Reader { proc, root: root.to_owned(), buffer: ReadBuffer::default(), may_keep })
    }

    /// Reads `file` of a process, opening it for this one read.
    ///
    /// # Errors
    /// See [`Missing`].
    pub fn read_once(&mut self, path: &mut ProcessPath, file: &str) -> Result<&[u8], Missing> {
        let opened = self.opened(path, file)?;
        read(&mut self.buffer, &opened, &self.root, path, file)
    }

    /// Reads `file` of a process through `kept` if it is open there. If it is not and `keep` asks
    /// for it, it stays open there from now on, as long as there is room.
    ///
    /// # Errors
    /// See [`Missing`].
    pub fn read_kept(
        &mut self,
        path: &mut ProcessPath,
        file: &str,
        kept: &mut Option<File>,
        keep: bool,
    ) -> Result<&[u8], Missing> {
        if kept.is_none() && keep && self.may_keep > 0 {
            *kept = Some(self.opened(path, file)?);
            self.may_keep -= 1;
        }
        match kept {
            Some(opened) => read(&mut self.buffer, opened, &self.root, path, file),
            None => self.read_once(path, file),
        }
    }

    /// Opens `file` of a process for a helper, or hands `kept` out, as [`Reader::read_kept`] has it.
    /// To open one waits for nobody.
    ///
    /// # Errors
    /// See [`Missing`].
    pub fn open_kept(
        &mut self,
        path: &mut ProcessPath,
        file: &str,
        kept: &mut Option<Arc<File>>,
        keep: bool,
    ) -> Result<Opened, Missing> {
        if let Some(kept) = kept {
            return Ok(Opened::Kept(kept.clone()));
        }
        let opened = self.opened(path, file)?;
        if !keep || self.may_keep == 0 {
            return Ok(Opened::Once(opened));
        }
        self.may_keep -= 1;
        Ok(Opened::Kept(kept.insert(Arc::new(opened)).clone()))
    }

    /// Closes what was kept of a process.
    pub fn release(&mut self, kept: &mut KeptFiles) {
        let KeptFiles { stat, status, io } = kept;
        for file in [stat, status] {
            self.may_keep += usize::from(file.take().is_some());
        }
        self.may_keep += usize::from(io.take().is_some());
    }

    /// Opens `file` of a process.
    ///
    /// # Errors
    /// See [`Missing`].
    pub fn opened(&self, path: &mut ProcessPath, file: &str) -> Result<File, Missing> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        match openat(&self.proc, path.join(file), flags, Mode::empty()) {
            Ok(fd) => Ok(File::from(fd)),
            // Either the process is no more, or this kernel does not have that file.
            Err(Errno::NOENT) if self.exists(path) => Err(Missing::Unreadable),
            Err(error) => Err(missing(error.into(), &self.root, path, file)),
        }
    }

    fn exists(&self, path: &mut ProcessPath) -> bool {
        rustix::fs::accessat(&self.proc, path.join("stat"), Access::EXISTS, AtFlags::empty())
            .is_ok()
    }
}

fn read<'a>(
    buffer: &'a mut ReadBuffer,
    opened: &File,
    root: &Path,
    path: &mut ProcessPath,
    file: &str,
) -> Result<&'a [u8], Missing> {
    buffer.read(opened, Rendering::Whole).map_err(|error| missing(error, root, path, file))
}

fn missing(error: io::Error, root: &Path, path: &mut ProcessPath, file: &str) -> Missing {
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT | Errno::SRCH) => Missing::Gone,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
            let path = root.join(String::from_utf8_lossy(path.join(file)).as_ref());
            Missing::Failed(SourceError::read(&path, error))
        }
        _ => Missing::Unreadable,
    }
}

/// What a file says, or `None` when it cannot be read although the process is there.
pub fn readable(text: Result<&[u8], Missing>) -> Result<Option<&[u8]>, Missing> {
    match text {
        Ok(text) => Ok(Some(text)),
        Err(Missing::Unreadable) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{KeptFiles, Missing, ProcessPath, Reader};
    use std::path::Path;
    use std::process::{Command, Stdio};

    #[test]
    fn a_kept_file_of_a_process_that_ended_is_gone_even_if_its_pid_lives_on() {
        let mut reader = Reader::open(Path::new("/proc")).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut path = ProcessPath::new(child.id());
        let mut kept = KeptFiles::default();
        let text = reader.read_kept(&mut path, "stat", &mut kept.stat, true).unwrap();
        assert!(text.starts_with(format!("{} (", child.id()).as_bytes()));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = reader.read_kept(&mut path, "stat", &mut kept.stat, true);
        assert!(matches!(told, Err(Missing::Gone)), "{told:?}");
        let told = reader.read_once(&mut path, "stat");
        assert!(matches!(told, Err(Missing::Gone)), "{told:?}");
    }

    #[test]
    fn without_room_files_are_read_all_the_same_and_room_comes_back() {
        let mut reader = Reader::open(Path::new("/proc")).unwrap();
        reader.may_keep = 1;
        let mut path = ProcessPath::new(std::process::id());
        let mut kept = KeptFiles::default();
        for _ in 0..2 {
            assert!(!reader.read_kept(&mut path, "stat", &mut kept.stat, true).unwrap().is_empty());
            assert!(
                !reader.read_kept(&mut path, "status", &mut kept.status, true).unwrap().is_empty()
            );
        }
        assert!(kept.stat.is_some() && kept.status.is_none());
        reader.release(&mut kept);
        assert_eq!(reader.may_keep, 1);
        assert!(kept.stat.is_none());
    }
}
