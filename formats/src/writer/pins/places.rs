//! Where pinned files are: in the directory of pins under the names that they have in their rings.

use crate::pin;
use crate::ring::{Closed, disk_bytes, list_segments};
use crate::writer::{fine, tier};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Numbers from here on are no recorder's, and would leave none for what comes.
const MOST_NUMBER: u64 = 1_000_000_000_000;

/// What lies in the directory of pins.
#[derive(Default)]
pub struct Found {
    /// Segments, each with the name of its ring's directory, which is empty for the recording's own.
    pub files: Vec<(String, Closed)>,
    /// What all else takes on disk, bytes.
    pub other_bytes: u64,
}

/// The name of a ring's directory in the recording, and so in the directory of pins. That of the
/// recording itself is empty.
pub fn ring_of<'a>(recording: &Path, segment: &'a Path) -> Option<&'a str> {
    let dir = segment.parent()?.strip_prefix(recording).ok()?;
    dir.to_str()
}

/// Whether a directory of this name is that of a ring.
fn is_ring(name: &OsStr) -> bool {
    name == fine::NAME || tier::dir::step_of(Path::new(name)).is_some()
}

/// What lies in the directory of pins of the recording in `recording`.
///
/// # Errors
/// What the file system says.
pub fn find(recording: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let Some(dir) = pin::directory(recording) else { return Ok(found) };
    let mut rings: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && is_ring(&entry.file_name()) {
            rings.push(entry.path());
        }
    }
    let (segments, other_bytes) = list_segments(&dir, &rings)?;
    found.take(String::new(), segments, other_bytes);
    for ring in rings {
        let (segments, other_bytes) = list_segments(&ring, &[])?;
        let name = ring.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.take(name, segments, other_bytes);
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, ring: String, segments: Vec<Closed>, other_bytes: u64) {
        self.other_bytes += other_bytes;
        for segment in segments {
            let is_file = segment.path.symlink_metadata().is_ok_and(|found| found.is_file());
            if is_file && segment.number < MOST_NUMBER {
                self.files.push((ring.clone(), segment));
            } else {
                self.other_bytes += disk_bytes(&segment.path).unwrap_or(0);
            }
        }
    }

    /// The highest number of a pinned segment of these rings.
    pub fn last_number(&self, rings: &[&str]) -> u64 {
        let of_rings = self.files.iter().filter(|(ring, _)| rings.contains(&ring.as_str()));
        of_rings.map(|(_, segment)| segment.number).max().unwrap_or(0)
    }
}

/// Links a segment to `path` in `dir`, which is made where it is missing.
///
/// # Errors
/// What the file system says; when `dir` is none.
pub fn make_link(segment: &Path, dir: &Path, path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !dir.symlink_metadata()?.is_dir() {
        return Err(io::Error::other(format!("{} is no directory", dir.display())));
    }
    fs::hard_link(segment, path)?;
    File::open(dir)?.sync_all()
}
