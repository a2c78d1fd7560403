//! Opens the segments of a ring, with those of it that are pinned.

use super::ReadError;
use super::open::{OpenSegment, Spans, open_segment};
use super::timeline::Timeline;
use crate::segment::{SegmentError, SegmentReader, number_of};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What opening segments gathers.
#[derive(Default)]
pub struct Opening {
    /// Clock offsets of all segments.
    pub timeline: Timeline,
    /// What could not be read.
    pub problems: Vec<ReadError>,
}

/// A segment on its way to be an open one.
struct Candidate {
    path: PathBuf,
    reader: SegmentReader,
    spans: Spans,
    is_pinned: bool,
    is_only_pinned: bool,
}

impl Opening {
    /// Opens the segments of a ring in these files, oldest first, and of the files `pinned` those
    /// that the ring has no more.
    pub fn open(
        &mut self,
        paths: Vec<PathBuf>,
        pinned: Vec<PathBuf>,
        is_fine: bool,
    ) -> Vec<Arc<OpenSegment>> {
        let (mut opened, mut unreadable): (Vec<Candidate>, Vec<&Path>) = Default::default();
        for path in &paths {
            match self.try_open(path, false) {
                Tried::Opened(candidate) => opened.push(*candidate),
                // The recorder needed the room between listing and opening. Those before it, which
                // it deleted first, would leave a hole that nothing tells of.
                Tried::Gone => opened.clear(),
                Tried::Unreadable => unreadable.push(path),
            }
        }
        for path in pinned {
            if let Some(twin) = opened.iter_mut().find(|known| is_same_file(&known.path, &path)) {
                twin.is_pinned = true;
                continue;
            }
            if unreadable.iter().any(|ring_path| is_same_file(ring_path, &path)) {
                continue;
            }
            let Tried::Opened(candidate) = self.try_open(&path, true) else { continue };
            // In a copy it may be another file with the same in it.
            let of = candidate.reader.description();
            match opened.iter_mut().find(|known| known.reader.description().is_of(of)) {
                Some(known) => known.is_pinned = true,
                None => opened.push(*candidate),
            }
        }
        opened.sort_by_key(|candidate| number_in(&candidate.path));
        let boot_ids = opened.iter().map(|candidate| &candidate.reader.description().boot_id[..]);
        self.timeline.place(&boot_ids.collect::<Vec<_>>());
        let segments = opened.into_iter().map(|candidate| {
            let Candidate { path, reader, spans, is_pinned, is_only_pinned } = candidate;
            let description = reader.description();
            let last = spans.values().map(|span| span.1).max();
            let last_ns = last.unwrap_or(description.created.from_ns);
            let boot = self.timeline.add(&description.boot_id, reader.clocks(), last_ns);
            let mut segment = OpenSegment::new(path, (reader, spans), boot);
            (segment.is_fine, segment.is_pinned) = (is_fine, is_pinned);
            segment.is_only_pinned = is_only_pinned;
            Arc::new(segment)
        });
        segments.collect()
    }

    fn try_open(&mut self, path: &Path, is_pinned: bool) -> Tried {
        match open_segment(path) {
            Ok((reader, spans, damage)) => {
                let damage = damage.map(|error| ReadError::from_segment(path, error));
                self.problems.extend(damage);
                let path = path.to_owned();
                let is_only_pinned = is_pinned;
                let opened = Candidate { path, reader, spans, is_pinned, is_only_pinned };
                Tried::Opened(Box::new(opened))
            }
            Err(SegmentError::Io(error))
                if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() =>
            {
                Tried::Gone
            }
            Err(error) => {
                self.problems.push(ReadError::from_segment(path, error));
                Tried::Unreadable
            }
        }
    }
}

/// What came of opening a segment.
enum Tried {
    Opened(Box<Candidate>),
    Gone,
    Unreadable,
}

/// Whether both are names of one segment file, which has one name in all rings.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()));
    one.file_name() == other.file_name() && id(one).is_some_and(|one| id(other) == Some(one))
}

fn number_in(path: &Path) -> Option<u64> {
    number_of(&path.file_name()?.to_string_lossy())
}
