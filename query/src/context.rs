//! What every command works with.

use crate::cli::{Color, DIR_VARIABLE, GlobalArgs, SpanArgs};
use crate::error::{Outcome, QueryError};
use crate::foreign;
use crate::marks;
use crate::span::{Anchors, Span};
use crate::time::{TimeSpec, show_age, show_instant};
use crate::triggers;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nodemon_formats::reader::{Damages, ReadError, Recording};
use nodemon_formats::text::{printable, wrap};
use nodemon_formats::units::show_duration;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The recording and how to talk about it.
pub struct Context {
    /// The recording.
    pub recording: Recording,
    /// What times count from, and the zone to show them in.
    pub anchors: Anchors,
    /// What was damaged when the recording was opened, and of its gaps.
    pub problems: Damages,
    /// Whether to colour standard output.
    pub color: bool,
    /// Whether to colour standard error.
    pub color_errors: bool,
}

impl Context {
    /// Opens the recording that the arguments name.
    ///
    /// # Errors
    /// When there is no recording, or nothing of it can be read; when `TZ` names no zone.
    pub fn open(args: &GlobalArgs) -> Result<Context, QueryError> {
        let dir = directory(args)?;
        if let Some(kind) = foreign::kind_of(&dir) {
            return Err(QueryError::NotARecording { path: dir, kind });
        }
        let recording = Recording::open(&dir)?;
        let problems = problems(&recording);
        let recorded = recording.span().map(|(first, last)| (first, last.saturating_add(1)));
        let live = recording.is_live();
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Ok(Context {
            recording,
            problems,
            anchors: Anchors { now, recorded, live, zone: zone(args)? },
            color: color(args.color, std::io::stdout().is_terminal()),
            color_errors: color(args.color, std::io::stderr().is_terminal()),
        })
    }
}

impl Context {
    /// The span that `--from` and `--to` mean.
    ///
    /// # Errors
    /// As [`Anchors::span`]; when there is no such mark, or trigger.
    pub fn span(&self, args: &SpanArgs) -> Result<Span, QueryError> {
        match args.trigger {
            Some(number) => triggers::span(&self.recording, number),
            None => marks::span(&self.recording, &self.anchors, args),
        }
    }

    /// The instant that a time means on its own.
    ///
    /// # Errors
    /// When it lies outside of what a clock can say; when there is no such mark.
    pub fn instant(&self, time: &TimeSpec) -> Result<i64, QueryError> {
        marks::instant(&self.recording, &self.anchors, time)
    }

    /// Tells on standard error what should be known about the answer.
    pub fn note(&self, text: &str) {
        tell("note:", "\x1b[1m", self.color_errors, text);
    }

    /// Tells on standard error what is not as it should be.
    pub fn warn(&self, text: &str) {
        tell("warning:", "\x1b[1;33m", self.color_errors, text);
    }

    /// Tells on standard error which segments are damaged or cannot be read. What they held may
    /// belong into any answer, so every answer is then one in which damaged data was left out.
    pub fn warn_of_problems(&self) -> Outcome {
        self.problems.sentences().for_each(|problem| self.warn(&format!("{problem}; {LEFT_OUT}")));
        self.outcome()
    }

    /// Whether anything was damaged when the recording was opened, or of its gaps.
    pub fn outcome(&self) -> Outcome {
        if self.problems.is_of_data() { Outcome::Damaged } else { Outcome::Complete }
    }

    /// Tells on standard error what `-5m` was counted from, where that is not the clock.
    pub fn note_anchor(&self, span: &Span) {
        if span.by_end {
            let end = self.anchors.present();
            let age = show_age(end, self.anchors.now);
            let at = show_instant(end, &self.anchors.zone);
            self.note(&format!(
                "recording is not live; relative times count from its end at {at}, {age}"
            ));
        }
    }

    /// Why there are no rows of the last moments, which somebody asks for who looks at a recording
    /// that is being written: what was sampled every `interval_ns` and is `newest` so far.
    pub fn why_not_yet(&self, span: &Span, newest: i64, interval_ns: i64) -> Option<String> {
        let now = self.anchors.now;
        let within_ns = interval_ns.max(0).saturating_add(READABLE_WITHIN_NS);
        let is_moments_ago = self.anchors.live && newest < span.from && span.from <= now;
        (is_moments_ago && now.saturating_sub(newest) <= 2 * within_ns).then(|| {
            let seconds = (2 * within_ns).max(5 * READABLE_WITHIN_NS) / READABLE_WITHIN_NS;
            format!(
                "; what is sampled now can be read within {}: ask for more, such as --from -{seconds}s",
                show_duration(within_ns)
            )
        })
    }

    /// Who warns of damage that is met while the answer is made.
    pub fn warner(&self) -> Warner<'_> {
        Warner { context: self, met: Damages::default() }
    }
}

/// What is damaged of a recording that was opened, and of its gaps: found once, since every segment
/// has some.
fn problems(recording: &Recording) -> Damages {
    let mut damages = Damages::default();
    recording.problems().iter().for_each(|problem| damages.note(problem));
    // A disk that fails is told by whoever needs the gaps.
    recording.damaged_gaps().iter().flatten().for_each(|problem| damages.note(problem));
    damages
}

/// What is said of damage.
const LEFT_OUT: &str = "what cannot be read of it is left out";

/// Gathers damage and tells it when it is dropped, a sentence for each segment and kind; but what
/// was told when the recording was opened is not told again.
pub struct Warner<'a> {
    context: &'a Context,
    met: Damages,
}

impl Warner<'_> {
    /// Notes damage.
    pub fn note(&mut self, problem: &ReadError) {
        if !self.context.problems.knows(problem) {
            self.met.note(problem);
        }
    }
}

impl Drop for Warner<'_> {
    fn drop(&mut self) {
        let told = self.met.sentences();
        told.for_each(|problem| self.context.warn(&format!("{problem}; {LEFT_OUT}")));
    }
}

/// A sample can be read so long after it was taken: it waits for the next commit, ns.
const READABLE_WITHIN_NS: i64 = 1_000_000_000;

/// Says something on standard error, in one line, or in as many as a terminal takes for it; it may
/// hold text that others chose. When that is closed there is nobody left to tell.
pub fn tell(what: &str, color: &str, colored: bool, text: &str) {
    let (color, plain) = if colored { (color, "\x1b[0m") } else { ("", "") };
    let indent = what.len() + 1;
    let width = terminal_size::terminal_size_of(std::io::stderr()).map(|size| size.0.0);
    let room = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(indent));
    let text = wrap(&printable(text), room).join(&format!("\n{:indent$}", ""));
    let _ = std::io::stderr().lock().write_all(format!("{color}{what}{plain} {text}\n").as_bytes());
}

/// The zone of this machine. Read from `/etc/localtime` where `TZ` does not say otherwise: to look
/// a zone up by its name takes a walk through the whole database, which is longer than most
/// answers take.
fn zone(args: &GlobalArgs) -> Result<TimeZone, QueryError> {
    if args.utc {
        return Ok(TimeZone::UTC);
    }
    if let Some(name) = std::env::var_os("TZ").filter(|zone| !zone.is_empty()) {
        let zone = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
        return zone.ok_or_else(|| {
            QueryError::Usage(format!(
                "TZ={} is no time zone that this machine knows; write one such as TZ=Europe/Berlin, \
                 or ask with --utc",
                name.to_string_lossy()
            ))
        });
    }
    let local = std::fs::read("/etc/localtime").ok();
    Ok(local.and_then(|data| TimeZone::tzif("local", &data).ok()).unwrap_or(TimeZone::UTC))
}

/// Whether to colour a stream.
pub fn color(when: Color, is_terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}

/// The recording that was named, or the default one.
fn directory(args: &GlobalArgs) -> Result<PathBuf, QueryError> {
    match &args.dir {
        Some(dir) if !dir.as_os_str().is_empty() => Ok(dir.clone()),
        // As is usual of variables, an empty one counts as not set.
        Some(_) if std::env::var_os(DIR_VARIABLE).is_none_or(|dir| !dir.is_empty()) => {
            Err(QueryError::Usage(
                "--dir is empty: it takes the directory of a recording, or one segment of it"
                    .into(),
            ))
        }
        _ => Ok(default_dir()),
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
