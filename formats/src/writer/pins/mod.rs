//! Keeps what pins want: a hard link to each closed segment that touches the span of one.
//!
//! What is on disk is the truth, so that a recorder may be killed at any instant: pins are files,
//! and which segment each wants follows from their spans. A link that is missing is made, one that
//! no pin wants is removed, after each commit in which anything changed. Where there is no pin that
//! is one look at a directory that is not there.

mod event;
mod facts;
mod known;
mod places;
mod wanted;

pub use event::PinEvent;

use crate::pin::{self, Listed, Pin};
use crate::ring::{Budget, Closed, Holder, PinnedFile};
use known::Known;
use places::Found;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For so long segments are opened with a commit to know what they have, and at the start.
const STEP_TIME: Duration = Duration::from_millis(20);
const START_TIME: Duration = Duration::from_secs(1);

/// What others do in the directory of pins is seen after so many commits, where it does not show.
const COMMITS_BETWEEN_LOOKS: u32 = 10;

/// Events that wait for somebody who tells them.
const MOST_EVENTS: usize = 100;

/// The pins of a recording that is being written.
pub struct Pins {
    recording: PathBuf,
    budget: Budget,
    known: Known,
    /// When the directory was changed last, and how often rings were, as of the last look.
    looked_at: Option<((i64, i64), u64)>,
    commits_since_look: u32,
    /// Whether something is left for the next commit.
    is_unfinished: bool,
    events: Vec<PinEvent>,
    /// Files and pins that were told of.
    told: BTreeSet<PathBuf>,
}

impl Pins {
    /// The pins of the recording in `recording`, whose rings are those of `budget`.
    pub fn new(recording: &Path, budget: &Budget) -> Pins {
        Pins {
            recording: recording.to_owned(),
            budget: budget.clone(),
            known: Known::default(),
            looked_at: None,
            commits_since_look: 0,
            is_unfinished: false,
            events: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// The highest number that a segment of one of these rings has among the pins.
    pub fn last_number(&self, rings: &[&str]) -> u64 {
        places::find(&self.recording).map_or(0, |found| found.last_number(rings))
    }

    /// What there was to tell since this was called last.
    pub fn take_events(&mut self) -> Vec<PinEvent> {
        let mut dropped = self.budget.take_dropped();
        let untold = dropped.len().saturating_sub(MOST_EVENTS);
        dropped.truncate(MOST_EVENTS);
        self.events.extend(dropped.into_iter().map(|name| PinEvent::Dropped { name }));
        if untold > 0 {
            self.events.push(PinEvent::DroppedMore { count: untold });
        }
        std::mem::take(&mut self.events)
    }

    /// Does what pins want at the start of a run, before room is made for anything.
    pub fn start(&mut self, is_pending: &dyn Fn(&Path) -> bool) {
        self.step_for(START_TIME, is_pending);
    }

    /// Does what pins want, where something changed. `is_pending` says of which segments of rows
    /// others are still to be made.
    pub fn step(&mut self, is_pending: &dyn Fn(&Path) -> bool) {
        self.step_for(STEP_TIME, is_pending);
    }

    fn step_for(&mut self, time: Duration, is_pending: &dyn Fn(&Path) -> bool) {
        let dir = self.recording.join(pin::DIRECTORY);
        let found = match dir.symlink_metadata() {
            // Nobody knows whether it is there.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return,
            found => found,
        };
        let Some(found) = found.ok().filter(fs::Metadata::is_dir) else {
            if self.looked_at.take().is_some() {
                self.known = Known::default();
                self.budget.set_pinned(Vec::new(), Vec::new(), 0);
            }
            return;
        };
        let at = ((found.mtime(), found.mtime_nsec()), self.budget.changes());
        // Two changes may have one time: the kernel's clock for files ticks every few ms.
        let is_fresh = clock_gettime(ClockId::Realtime).tv_sec.abs_diff(found.mtime()) <= 2;
        self.commits_since_look += 1;
        if self.looked_at == Some(at)
            && !is_fresh
            && !self.is_unfinished
            && self.commits_since_look < COMMITS_BETWEEN_LOOKS
        {
            return;
        }
        self.commits_since_look = 0;
        // What cannot be listed now stays as it is.
        let done = self.look(time, is_pending);
        self.is_unfinished = !matches!(done, Ok(true));
        // What was done meanwhile counts as a change.
        self.looked_at = Some(at);
    }

    /// Whether all is done.
    fn look(&mut self, time: Duration, is_pending: &dyn Fn(&Path) -> bool) -> io::Result<bool> {
        let mut found = places::find(&self.recording)?;
        let pins = match self.pins() {
            Ok(pins) => pins,
            // What they keep takes room all the same.
            Err(error) => {
                self.hold(&[], &found, |_| BTreeSet::from([u32::MAX]));
                return Err(error);
            }
        };
        let closed = if pins.is_empty() { Vec::new() } else { self.budget.closed() };
        let mut is_done = self.known.learn(&closed, &found, &pins, Instant::now() + time);
        let wanted = wanted::choose(
            &self.recording,
            &closed,
            &found.files,
            &self.known,
            &pins,
            is_pending,
            is_done,
        );
        is_done &= !wanted.is_waiting;
        for (ring, segment) in wanted.segments {
            self.link(&ring, &segment, &mut found);
        }
        self.unlink_unwanted(&mut found, &pins);
        self.hold(&pins, &found, |file| self.held_by(file, &pins).collect());
        Ok(is_done)
    }

    /// Has the rings count what is pinned.
    fn hold(
        &self,
        pins: &[(PathBuf, Pin)],
        found: &Found,
        held_by: impl Fn(&Closed) -> BTreeSet<u32>,
    ) {
        let holders = (0..).zip(pins).map(|(id, (path, pin))| Holder {
            id,
            path: path.clone(),
            name: pin.name.clone(),
            is_automatic: pin.is_automatic,
        });
        let files = found.files.iter().map(|(_, file)| PinnedFile {
            path: file.path.clone(),
            id: file.id,
            size_bytes: file.size_bytes,
            held_by: held_by(file),
            is_in_ring: false,
        });
        self.budget.set_pinned(holders.collect(), files.collect(), found.other_bytes);
    }

    /// The pins that there are, oldest first.
    fn pins(&mut self) -> io::Result<Vec<(PathBuf, Pin)>> {
        let mut pins = Vec::new();
        for Listed { path, pin, unreadable, is_dropped } in pin::list(&self.recording)? {
            match pin {
                _ if is_dropped => {}
                None if unreadable.is_some() => {
                    let why = unreadable.unwrap_or_default();
                    self.tell(&path, || PinEvent::Unreadable { path: path.clone(), why });
                }
                Some(pin) => {
                    let name = pin.name.clone();
                    self.tell(&path, || PinEvent::Found { name });
                    pins.push((path, pin));
                }
                None => self.tell(&path, || PinEvent::NoPin { path: path.clone() }),
            }
        }
        Ok(pins)
    }

    /// Makes the link of a segment of a ring, unless it is there.
    fn link(&mut self, ring: &str, segment: &Closed, found: &mut Found) {
        let name = segment.path.file_name().unwrap_or_default();
        let dir = self.recording.join(pin::DIRECTORY).join(ring);
        let path = dir.join(name);
        let known = found.files.iter().position(|(_, file)| file.path == path);
        if let Some(at) = known {
            let there = &found.files[at].1;
            if there.id == segment.id {
                return;
            }
            let is_same = match (self.known.of(there), self.known.of(segment)) {
                (Some(there), Some(new)) => new.description.is_of(&there.description),
                _ => false,
            };
            // What was split takes the place of what it was split from.
            if !is_same || fs::remove_file(&path).is_err() {
                self.tell(&path, || PinEvent::Taken { path: path.clone() });
                return;
            }
            found.files.remove(at);
        }
        match places::make_link(&segment.path, &dir, &path) {
            Ok(()) => found.files.push((ring.to_owned(), Closed { path, ..segment.clone() })),
            // Its ring needed the room, or somebody deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = segment.path.clone();
                self.tell(&segment.path, || PinEvent::Refused { path, why: error.to_string() });
            }
        }
    }

    /// Removes the links that no pin wants any more.
    fn unlink_unwanted(&self, found: &mut Found, pins: &[(PathBuf, Pin)]) {
        let is_wanted = |file: &Closed| self.held_by(file, pins).next().is_some();
        found.files.retain(|(ring, file)| {
            if is_wanted(file) || fs::remove_file(&file.path).is_err() {
                return true;
            }
            if !ring.is_empty() {
                // It goes with the last.
                let _ = file.path.parent().map(fs::remove_dir);
            }
            false
        });
    }

    /// The numbers of the pins that keep a pinned file: all, where nobody knows what it has.
    fn held_by(&self, file: &Closed, pins: &[(PathBuf, Pin)]) -> impl Iterator<Item = u32> {
        let facts = self.known.of(file);
        let keeps = move |pin: &Pin| facts.is_none_or(|facts| pin.touches(&facts.extent()));
        (0..).zip(pins).filter(move |(_, (_, pin))| keeps(pin)).map(|(id, _)| id)
    }

    /// Notes an event of a file, once.
    fn tell(&mut self, path: &Path, event: impl FnOnce() -> PinEvent) {
        if self.events.len() < MOST_EVENTS && self.told.insert(path.to_owned()) {
            self.events.push(event());
        }
    }
}
