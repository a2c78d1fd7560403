//! The files of pins.

use super::{DIRECTORY, MOST_AUTOMATIC, MOST_PINS, Pin, document};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const EXTENSION: &str = "pin";
/// What the names of pins end with that were dropped for want of room, so that somebody can be told.
const DROPPED: &str = "dropped";
/// So many of those are kept.
const MOST_DROPPED: usize = 16;

/// Why something was not pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// There is no recording.
    #[error("there is no recording in {0}: start one, or name its directory with --dir")]
    NoRecording(PathBuf),
    /// It would not be found again.
    #[error("{0}")]
    Text(String),
    /// There are as many as there may be.
    #[error("{0} has {MOST_PINS} pins already: unpin some")]
    TooMany(PathBuf),
    /// There is none.
    #[error("the recording in {recording} has no pin {name}{there}")]
    NoPin {
        /// The recording.
        recording: PathBuf,
        /// The name.
        name: String,
        /// Which there are.
        there: String,
    },
    /// The file system has no hard links.
    #[error(
        "cannot pin in {path}: its file system makes no hard links ({source}), of which pins are \
         made; copy the recording instead"
    )]
    NoLinks {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The disk.
    #[error("cannot write {path}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A file of a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// What it says; `None` where that is no pin.
    pub pin: Option<Pin>,
    /// Why nobody knows what it says, where it cannot be read.
    pub unreadable: Option<String>,
    /// Whether it was dropped to make room.
    pub is_dropped: bool,
}

/// The directory of pins of the recording in `recording`, where there is one. A link is none: what
/// it names belongs to somebody else.
pub fn directory(recording: &Path) -> Option<PathBuf> {
    let dir = recording.join(DIRECTORY);
    dir.symlink_metadata().is_ok_and(|found| found.is_dir()).then_some(dir)
}

/// Makes `pin` durable in the recording in `recording`.
///
/// # Errors
/// [`PinError`].
pub fn write(recording: &Path, pin: &Pin) -> Result<(), PinError> {
    if !recording.is_dir() {
        return Err(PinError::NoRecording(recording.to_owned()));
    }
    // Somebody may have filled in the fields by hand.
    pin.check()?;
    let text = document::text(pin);
    if text.len() as u64 > document::MOST_BYTES {
        return Err(PinError::Text("the text has too many characters that need escaping".into()));
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| PinError::Disk { path, source }
    };
    let dir = recording.join(DIRECTORY);
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(&dir)(error)),
        _ => {}
    }
    let dir = directory(recording)
        .ok_or_else(|| at(&dir)(io::Error::other("it is no directory; remove it")))?;
    let there = list(recording).map_err(at(&dir))?;
    let of_kind = |listed: &&Listed| {
        let kind = listed.pin.as_ref().is_some_and(|pin| pin.is_automatic);
        !listed.is_dropped && kind == pin.is_automatic
    };
    let of_kind: Vec<&Listed> = there.iter().filter(of_kind).collect();
    match pin.is_automatic {
        // The newest is kept rather than the oldest.
        true if of_kind.len() >= MOST_AUTOMATIC => {
            drop_pin(&of_kind[0].path).map_err(at(&of_kind[0].path))?;
        }
        false if of_kind.len() >= MOST_PINS => {
            return Err(PinError::TooMany(recording.to_owned()));
        }
        _ => {}
    }
    let name = format!("{:020}-{}", pin.made_ns, pin.name);
    let path = dir.join(format!("{name}.{EXTENSION}"));
    let part = dir.join(format!("{name}-{}.part", std::process::id()));
    let linked = write_part(&part, &text).map_err(at(&path)).and_then(|()| {
        // As the recorder does it with segments, so that it is known here whether it can.
        fs::hard_link(&part, &path).map_err(|source| match has_no_links(&source) {
            true => PinError::NoLinks { path: dir.clone(), source },
            false => at(&path)(source),
        })
    });
    // What is left over holds nothing.
    let _ = fs::remove_file(&part);
    linked?;
    [&dir, recording].into_iter().try_for_each(|dir| sync(dir).map_err(at(&path)))
}

fn write_part(part: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Whether a link was refused because of where it was to be made.
pub(crate) fn has_no_links(error: &io::Error) -> bool {
    let refusals = [libc::EPERM, libc::EMLINK, libc::EXDEV, libc::EOPNOTSUPP, libc::ENOSYS];
    error.raw_os_error().is_some_and(|errno| refusals.contains(&errno))
}

/// The pins of the recording in `recording`, those first that were pinned first, and those that were
/// dropped.
///
/// # Errors
/// What the disk says: then nobody knows which there are.
pub fn list(recording: &Path) -> io::Result<Vec<Listed>> {
    let dir = recording.join(DIRECTORY);
    match dir.symlink_metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        // Without the right to look nobody knows.
        Err(error) => return Err(error),
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_dropped = match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => false,
            Some(DROPPED) => true,
            _ => continue,
        };
        paths.push((is_dropped, path));
    }
    // The newest of too many are those that somebody made to fill memory.
    paths.sort();
    let count = paths.partition_point(|(is_dropped, _)| !is_dropped);
    let dropped = paths.split_off(count);
    paths.truncate(MOST_PINS + MOST_AUTOMATIC);
    paths.extend(dropped.into_iter().take(MOST_PINS));
    let mut listed = Vec::with_capacity(paths.len());
    for (is_dropped, path) in paths {
        let (pin, unreadable) = match document::read(&path) {
            Ok(pin) => (pin, None),
            // Somebody removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // The others are pins all the same.
            Err(error) => (None, Some(error.to_string())),
        };
        listed.push(Listed { path, pin, unreadable, is_dropped });
    }
    // By the wall clock: that of the boot begins anew with each.
    listed.sort_by_key(|listed| listed.pin.as_ref().map_or(i64::MAX, Pin::made_at));
    Ok(listed)
}

/// Removes the pins of this name, and what tells of those that were dropped. Says how many.
///
/// # Errors
/// [`PinError`].
pub fn remove(recording: &Path, name: &str) -> Result<usize, PinError> {
    if !recording.is_dir() {
        return Err(PinError::NoRecording(recording.to_owned()));
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| PinError::Disk { path, source }
    };
    let all = list(recording).map_err(at(&recording.join(DIRECTORY)))?;
    let is_it = |listed: &&Listed| listed.pin.as_ref().is_some_and(|pin| pin.name == name);
    let found: Vec<&Listed> = all.iter().filter(is_it).collect();
    if found.is_empty() {
        let mut names: Vec<&str> =
            all.iter().filter_map(|listed| Some(listed.pin.as_ref()?.name.as_str())).collect();
        names.dedup();
        names.truncate(8);
        let there = match names.is_empty() {
            true => ": nothing is pinned".to_owned(),
            false => format!("; there are {}", names.join(", ")),
        };
        let (recording, name) = (recording.to_owned(), name.to_owned());
        return Err(PinError::NoPin { recording, name, there });
    }
    for listed in &found {
        match fs::remove_file(&listed.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(&listed.path)(error));
            }
            _ => {}
        }
    }
    if let Some(dir) = directory(recording) {
        sync(&dir).map_err(at(&dir))?;
    }
    Ok(found.len())
}

/// Drops the pin in the file `path` to make room; what is left of it says so to whoever asks. Of that
/// the newest stay; answers what the others took on disk, bytes.
///
/// # Errors
/// What the file system says.
pub fn drop_pin(path: &Path) -> io::Result<u64> {
    match fs::rename(path, path.with_extension(DROPPED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut words = Vec::new();
    // What cannot be listed or removed now is another time.
    for entry in
        path.parent().and_then(|dir| fs::read_dir(dir).ok()).into_iter().flatten().flatten()
    {
        let word = entry.path();
        if word.extension().is_some_and(|extension| extension == DROPPED)
            && let Ok(found) = word.symlink_metadata()
        {
            words.push(((found.mtime(), found.mtime_nsec()), word, found.blocks() * 512));
        }
    }
    words.sort();
    let too_many = words.len().saturating_sub(MOST_DROPPED);
    let gone =
        words.into_iter().take(too_many).filter(|(_, word, _)| fs::remove_file(word).is_ok());
    Ok(gone.map(|(.., size_bytes)| size_bytes).sum())
}

#[cfg(test)]
mod tests;
