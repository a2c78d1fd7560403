//! Where an answer is written: standard output, or a file that appears when it is whole.

use crate::error::QueryError;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// An output. It does not buffer; sinks write whole buffers.
pub struct Output {
    target: Target,
    /// The name for messages.
    name: PathBuf,
}

enum Target {
    Stdout(io::Stdout),
    /// Something that is there and is not a regular file: a pipe, a device.
    Device(File),
    /// Written under a temporary name.
    File {
        file: File,
        temporary: PathBuf,
        committed: bool,
    },
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Output {
        Output { target: Target::Stdout(io::stdout()), name: "standard output".into() }
    }

    /// The file `path`. It is written as `.NAME.PID.part` beside it and renamed by
    /// [`Output::commit`]; dropped before that, nothing is left behind.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn file(path: &Path) -> Result<Output, QueryError> {
        let failed = |source| QueryError::Write { to: path.to_owned(), source };
        let name = path.to_owned();
        if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let device = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(Output { target: Target::Device(device), name });
        }
        let file_name =
            path.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let part = format!(".{}.{}.part", file_name.to_string_lossy(), std::process::id());
        let temporary = path.with_file_name(part);
        // A leftover of an earlier process with this pid; or a link, and what that names belongs to
        // somebody else.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&temporary).map_err(failed)?;
        Ok(Output { target: Target::File { file, temporary, committed: false }, name })
    }

    /// A second handle of the same output, to write further into it. To commit that one only
    /// flushes it.
    ///
    /// # Errors
    /// When there are too many open files.
    pub fn another(&self) -> Result<Output, QueryError> {
        let target = match &self.target {
            Target::Stdout(_) => Target::Stdout(io::stdout()),
            Target::Device(file) | Target::File { file, .. } => {
                Target::Device(file.try_clone().map_err(|source| self.failure(source))?)
            }
        };
        Ok(Output { target, name: self.name.clone() })
    }

    /// Everything is written: makes it durable and gives it its name.
    ///
    /// # Errors
    /// When the disk refuses; then nothing is left behind.
    pub fn commit(&mut self) -> Result<(), QueryError> {
        let result = match &mut self.target {
            Target::Stdout(stdout) => stdout.flush(),
            Target::Device(device) => device.flush(),
            Target::File { file, temporary, committed } => file
                .sync_all()
                .and_then(|()| std::fs::rename(temporary, &self.name))
                .inspect(|()| *committed = true)
                .and_then(|()| sync_directory_of(&self.name)),
        };
        result.map_err(|source| self.failure(source))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// [`QueryError::ClosedPipe`] or [`QueryError::Write`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), QueryError> {
        self.write_all(bytes).map_err(|source| self.failure(source))
    }

    /// What messages call it: the file's final name, or `standard output`.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The error to report when a write to this output failed with `source`.
    pub fn failure(&self, source: io::Error) -> QueryError {
        match source.kind() {
            io::ErrorKind::BrokenPipe => QueryError::ClosedPipe,
            _ => QueryError::Write { to: self.name.clone(), source },
        }
    }
}

/// Makes the name of a file as durable as the file is.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match File::open(parent.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all()) {
        // A directory that may be written to and not read cannot be asked for it; some file systems
        // do not know how.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Stdout(stdout) => stdout.write(bytes),
            Target::Device(file) | Target::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Stdout(stdout) => stdout.flush(),
            Target::Device(file) | Target::File { file, .. } => file.flush(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Target::File { temporary, committed: false, .. } = &self.target {
            // The error that led here is the one to report.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::Output;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_leaves_nothing_when_it_never_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cpu.csv");
        let mut output = Output::file(&path).unwrap();
        output.put(b"time,cpu\n").unwrap();
        assert!(!path.exists(), "half a file stands under the final name");
        output.commit().unwrap();
        drop(output);
        assert_eq!(std::fs::read(&path).unwrap(), b"time,cpu\n");

        let mut abandoned = Output::file(&dir.path().join("disk.csv")).unwrap();
        abandoned.put(b"half").unwrap();
        drop(abandoned);
        let names: Vec<_> =
            dir.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["cpu.csv"], "an abandoned output leaves no file behind");
    }

    #[test]
    fn a_file_is_its_owners_alone_and_no_link_is_followed_to_make_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("cpu.csv"), dir.path().join("victim"));
        std::fs::write(&victim, "keep me").unwrap();
        let part = format!(".cpu.csv.{}.part", std::process::id());
        symlink(&victim, dir.path().join(part)).unwrap();
        let mut output = Output::file(&path).unwrap();
        output.put(b"time,cpu\n").unwrap();
        output.commit().unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"keep me");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
