//! One mark as a file.

use super::{DIRECTORY, MOST_NAME_BYTES, MOST_TEXT_BYTES};
use crate::trust::Distrust;
use nodemon_formats::clock::boottime_ns;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const EXTENSION: &str = "mark";
/// More is no mark.
const MOST_BYTES: u64 = 16 << 10;
/// So many are waited for at most.
const MOST_WAITING: usize = 1000;

/// What somebody marked, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What kind of thing it is, to be found by: `deploy`, `job-4711`.
    pub name: String,
    /// Whatever else there is to say.
    pub text: String,
    /// Who marked it.
    pub user: u32,
    /// When, `CLOCK_BOOTTIME` ns.
    pub boottime_ns: u64,
    /// The boot that this clock counts from.
    pub boot_id: String,
}

/// Why nothing was marked.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// There is no recording.
    #[error("there is no recording in {0}: start one, or name its directory with --dir")]
    NoRecording(PathBuf),
    /// Others could have the mark written elsewhere.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// It would not be found again.
    #[error("{0}")]
    Text(String),
    /// The disk.
    #[error("cannot write {path}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Mark {
    /// A mark of now, by this user.
    ///
    /// # Errors
    /// When the name or the text is too long, or the name empty.
    pub fn now(name: &str, text: &str) -> Result<Mark, MarkError> {
        let too_long = |what, most| MarkError::Text(format!("{what} has more than {most} bytes"));
        if name.is_empty() {
            return Err(MarkError::Text("a mark needs a name, such as deploy".into()));
        }
        if name.len() > MOST_NAME_BYTES {
            return Err(too_long("the name", MOST_NAME_BYTES));
        }
        if text.len() > MOST_TEXT_BYTES {
            return Err(too_long("the text", MOST_TEXT_BYTES));
        }
        Ok(Mark {
            name: name.to_owned(),
            text: text.to_owned(),
            user: rustix::process::getuid().as_raw(),
            boottime_ns: boottime_ns(),
            boot_id: boot_id(),
        })
    }

    /// How long ago it was; `None` where that was in another boot.
    pub fn age_ns(&self) -> Option<u64> {
        (self.boot_id == boot_id()).then(|| boottime_ns().saturating_sub(self.boottime_ns))
    }

    fn document(&self) -> String {
        let number = |number: u64| Value::Integer(number.cast_signed());
        let table: Table = [
            ("name", Value::String(self.name.clone())),
            ("text", Value::String(self.text.clone())),
            ("user", number(self.user.into())),
            ("boottime_ns", number(self.boottime_ns)),
            ("boot_id", Value::String(self.boot_id.clone())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
        table.to_string()
    }

    fn read(path: &Path) -> Option<Mark> {
        // Whatever somebody put there: neither a link nor a pipe that nobody writes.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
        let table: Table = text.parse().ok()?;
        let string = |key: &str| table.get(key)?.as_str().map(str::to_owned);
        let number = |key: &str| u64::try_from(table.get(key)?.as_integer()?).ok();
        Some(Mark {
            name: string("name").filter(|name| name.len() <= MOST_NAME_BYTES)?,
            text: string("text").filter(|text| text.len() <= MOST_TEXT_BYTES)?,
            user: u32::try_from(number("user")?).ok()?,
            boottime_ns: number("boottime_ns")?,
            boot_id: string("boot_id")?,
        })
    }
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Makes `mark` durable in the recording in `recording`.
///
/// # Errors
/// [`MarkError`].
pub fn write(recording: &Path, mark: &Mark) -> Result<(), MarkError> {
    if !recording.is_dir() {
        return Err(MarkError::NoRecording(recording.to_owned()));
    }
    let directory = recording.join(DIRECTORY);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| MarkError::Disk { path, source }
    };
    match DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(at(&directory)(error));
        }
        _ => {}
    }
    let name = format!("{:020}-{}", mark.boottime_ns, std::process::id());
    let part = directory.join(format!("{name}.part"));
    let path = directory.join(format!("{name}.{EXTENSION}"));
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&part)?;
        file.write_all(mark.document().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        File::open(&directory)?.sync_all()
    };
    written().map_err(|error| {
        let _ = std::fs::remove_file(&part);
        at(&path)(error)
    })
}

/// The marks that wait in the recording in `recording`, oldest first; what is none of them is
/// `None`.
pub fn waiting(recording: &Path) -> Vec<(PathBuf, Option<Mark>)> {
    let Ok(entries) = std::fs::read_dir(recording.join(DIRECTORY)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    paths.sort();
    paths.truncate(MOST_WAITING);
    let read = |path: PathBuf| {
        let mark = Mark::read(&path);
        (path, mark)
    };
    paths.into_iter().map(read).collect()
}

/// Removes the file of a mark that has its row, and says whether it is gone.
pub fn remove(path: &Path) -> bool {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("cannot remove {}: {error}", path.display());
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{DIRECTORY, Mark, MarkError, remove, waiting, write};

    #[test]
    fn marks_are_read_back_as_they_were_written_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut marks = Vec::new();
        for (name, text) in
            [("deploy", "version 1.2"), ("job-7", "\"it\"\n= \u{1b}[31m"), ("x", "")]
        {
            let mark = Mark::now(name, text).unwrap();
            write(dir.path(), &mark).unwrap();
            marks.push(mark);
        }
        let found = waiting(dir.path());
        let read: Vec<Mark> = found.iter().map(|(_, mark)| mark.clone().unwrap()).collect();
        assert_eq!(read, marks);
        assert!(read[0].age_ns().unwrap() < 60_000_000_000);
        assert!(found.iter().all(|(path, _)| remove(path)));
        assert_eq!(waiting(dir.path()), []);
    }

    #[test]
    fn what_is_no_mark_is_said_to_be_none_and_what_is_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(DIRECTORY)).unwrap();
        for (name, bytes) in
            [("a.mark", &b"\xff\xfe"[..]), ("b.mark", b"name = 7"), ("c.part", b"")]
        {
            std::fs::write(dir.path().join(DIRECTORY).join(name), bytes).unwrap();
        }
        let pipe = dir.path().join(DIRECTORY).join("pipe.mark");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let link = dir.path().join(DIRECTORY).join("link.mark");
        std::os::unix::fs::symlink("/etc/passwd", link).unwrap();
        let found: Vec<_> = waiting(dir.path()).into_iter().map(|(_, mark)| mark).collect();
        assert_eq!(found, [None, None, None, None]);
        assert!(matches!(Mark::now("", "x"), Err(MarkError::Text(_))));
        assert!(matches!(Mark::now(&"x".repeat(65), ""), Err(MarkError::Text(_))));
        assert!(matches!(Mark::now("x", &"x".repeat(4097)), Err(MarkError::Text(_))));
        let nowhere = dir.path().join("nowhere");
        let mark = Mark::now("x", "").unwrap();
        assert!(matches!(write(&nowhere, &mark), Err(MarkError::NoRecording(_))));
    }
}
