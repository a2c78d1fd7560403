//! What every command works with.

use crate::cli::{Color, GlobalArgs};
use crate::error::QueryError;
use crate::time::Anchors;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nodemon_formats::reader::Recording;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The recording and how to talk about it.
pub struct Context {
    /// The recording.
    pub recording: Recording,
    /// What times count from, and the zone to show them in.
    pub anchors: Anchors,
    /// Whether to colour standard output.
    pub color: bool,
    /// Whether to colour standard error.
    pub color_errors: bool,
}

impl Context {
    /// Opens the recording that the arguments name, and tells on standard error which of its
    /// segments cannot be read.
    ///
    /// # Errors
    /// When there is no recording, or nothing of it can be read.
    pub fn open(args: &GlobalArgs) -> Result<Context, QueryError> {
        let dir = args.dir.clone().unwrap_or_else(default_dir);
        let recording = Recording::open(&dir)?;
        let recorded = recording.span().map(|(first, last)| (first, last.saturating_add(1)));
        let live = recording.is_live();
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Ok(Context {
            recording,
            anchors: Anchors { now, recorded, live, zone: zone(args) },
            color: color(args.color, std::io::stdout().is_terminal()),
            color_errors: color(args.color, std::io::stderr().is_terminal()),
        })
    }
}

fn zone(args: &GlobalArgs) -> TimeZone {
    if args.utc { TimeZone::UTC } else { TimeZone::system() }
}

/// Whether to colour a stream.
pub fn color(when: Color, is_terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}

/// Where the recorder writes unless it is told otherwise: `/var/lib/nodemon` for root, for others
/// `nodemon` in their state directory. A user without one looks at the node's.
pub fn default_dir() -> PathBuf {
    let node = Path::new("/var/lib/nodemon");
    if rustix::process::geteuid().is_root() {
        return node.to_owned();
    }
    match state_home() {
        Some(state) if state.join("nodemon").exists() || !node.exists() => state.join("nodemon"),
        _ => node.to_owned(),
    }
}

fn state_home() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))
}
