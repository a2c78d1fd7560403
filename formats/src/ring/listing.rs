//! What lies in the directory of a ring.

use crate::segment::number_of;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file, whatever it is called: its device and its number there. Once it is deleted, the next one
/// that is made may have that number.
pub type FileId = (u64, u64);

/// What is in the file of a segment: it is the same as long as this is.
pub type ContentId = (FileId, u64, (i64, i64));

/// A segment that nobody writes any more.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Its number.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// The same, whatever it is called.
    pub id: FileId,
    /// What it takes on disk.
    pub size_bytes: u64,
    /// When it was written last: seconds and nanoseconds since the epoch.
    pub written_at: (i64, i64),
}

impl Closed {
    /// What is in it.
    pub fn content(&self) -> ContentId {
        (self.id, self.number, self.written_at)
    }

    /// The segment of this number in the file at `path`; `None` where that is gone.
    pub(super) fn at(path: PathBuf, number: u64) -> io::Result<Option<Closed>> {
        match fs::symlink_metadata(&path) {
            Ok(found) => {
                let id = (found.dev(), found.ino());
                let written_at = (found.mtime(), found.mtime_nsec());
                let size_bytes = found.blocks() * 512;
                Ok(Some(Closed { number, path, id, size_bytes, written_at }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The segments in `dir`, oldest first, and what everything else there takes on disk, without what
/// is `apart`. Unfinished segments are removed.
pub fn list(dir: &Path, apart: &[PathBuf]) -> io::Result<(Vec<Closed>, u64)> {
    let mut segments = Vec::new();
    let mut other_bytes = disk_bytes(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_dir = entry.file_type()?.is_dir();
        if is_dir {
            if !apart.contains(&path) {
                other_bytes += unless_gone(tree_bytes(&path))?;
            }
        } else if name.ends_with(".redb.tmp") {
            fs::remove_file(path)?;
        } else if name.ends_with(PART) {
            // It counts as what is being written.
        } else if let Some(number) = number_of(&name) {
            segments.extend(Closed::at(path, number)?);
        } else {
            other_bytes += unless_gone(disk_bytes(&path))?;
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok((segments, other_bytes))
}

/// What the names of segments end with that are made from another one.
const PART: &str = ".redb.part";

/// Removes segments that were being made from others when their recorder died.
pub(super) fn remove_parts(dir: &Path) -> io::Result<()> {
    if changed_at(dir)?.is_none() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_part = entry.file_name().to_string_lossy().ends_with(PART);
        if is_part && !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// When something last came into the directory or went; `None` where there is no directory.
pub(super) fn changed_at(dir: &Path) -> io::Result<Option<(i64, i64)>> {
    match fs::metadata(dir) {
        Ok(found) => Ok(Some((found.mtime(), found.mtime_nsec()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a directory and all below it take on disk. Links are not followed.
fn tree_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = disk_bytes(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        let path = entry.path();
        bytes += unless_gone(if is_dir { tree_bytes(&path) } else { disk_bytes(&path) })?;
    }
    Ok(bytes)
}

/// What others put beside the segments may go while it is listed, and takes nothing then.
fn unless_gone(bytes: io::Result<u64>) -> io::Result<u64> {
    match bytes {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        bytes => bytes,
    }
}

/// What an open file takes on disk.
pub(super) fn disk_bytes_of(file: &fs::File) -> io::Result<u64> {
    Ok(file.metadata()?.blocks() * 512)
}

/// What a file or directory takes on disk, as `du` counts it.
pub fn disk_bytes(path: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(path)?.blocks() * 512)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::list;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn files_of_others_that_go_while_the_directory_is_listed_are_no_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("marks")).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for name in ["marks/a", "b", "marks/c", "d"].map(|name| dir.path().join(name)) {
                        std::fs::write(&name, "x").unwrap();
                        std::fs::remove_file(name).unwrap();
                    }
                }
            });
            let listed = (0..20_000).try_for_each(|_| list(dir.path(), &[]).map(drop));
            done.store(true, Ordering::Relaxed);
            listed.expect("what is gone takes nothing");
        });
    }
}
