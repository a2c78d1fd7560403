//! What a source is: what there is to know of it before it runs, what it may know of its
//! surroundings, how it is sampled, and what it puts its samples into. The sources themselves are in
//! [`crate::sources`].

mod error;
mod feed;
mod filters;
mod sink;
#[cfg(test)]
pub(crate) mod test_support;

pub use error::SourceError;
pub use feed::Feed;
pub use filters::{FUNCTIONS, Filters, KEYS as FILTER_KEYS};
pub use sink::{KernelGap, SampleClock, Sink};

use crate::overhead::Overhead;
use crate::programs::Programs;
use crate::redact::Arguments;
use crate::trigger::Triggers;
use nodemon_formats::Schema;
use nodemon_formats::narrow::duration_ns;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What there is to know about a source before it runs.
pub struct Descriptor {
    /// Its name, as in the configuration: `stat`, `diskstats`.
    pub name: &'static str,
    /// What it reads: `/proc/stat`.
    pub reads: &'static str,
    /// Cadence unless the configuration says otherwise.
    pub default_interval: Duration,
    /// Whether it runs unless the configuration says otherwise.
    pub default_on: bool,
    /// Who does the work: which thread it runs on, and what the configuration may ask of it.
    pub kind: SourceKind,
    /// The tables it yields. Their order is the order of [`Sink::table`].
    pub tables: &'static (dyn Fn() -> Vec<Schema> + Sync),
    /// What they are on any kernel, where they are not the same on every one: those columns that are
    /// described. Whatever else a kernel has bears its own names.
    pub described: Option<&'static (dyn Fn() -> Vec<Schema> + Sync)>,
    /// Makes it ready: opens files, learns what is there.
    pub open: &'static (dyn Fn(&Context) -> Opened + Sync),
}

/// Sources with this interval and more are slow: they share a thread, wake together and send each
/// sample at once. Faster ones gather several samples in a record, 100 ms itself among them.
pub const SLOW_FROM_NS: u64 = 100_000_000;

/// A source that is open, or why it is not.
pub type Opened = Result<Box<dyn Source>, SourceError>;

/// Who does the work of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The recorder, which reads files.
    Polled,
    /// Something in the kernel that samples, or the recorder where there is no such thing. It has
    /// the keys `feed` and `drain`.
    KernelSampled {
        /// What these may say, as comments of the documented configuration.
        keys: &'static str,
    },
    /// Programs in the kernel, whose maps and rings the recorder empties. It has the keys of
    /// [`Filters`].
    Ebpf {
        /// Whether they are attached to network interfaces as these come, which may have to wait for
        /// whoever makes them.
        on_interfaces: bool,
        /// Whether what comes out of the rings leads to files of other processes, which may wait for
        /// the lock of somebody's memory, or for a file server.
        reads_processes: bool,
    },
}

impl SourceKind {
    /// Whether programs in the kernel do the work.
    pub fn is_ebpf(self) -> bool {
        matches!(self, SourceKind::Ebpf { .. })
    }

    /// Whether something in the kernel samples, where there is such a thing.
    pub fn is_kernel_sampled(self) -> bool {
        matches!(self, SourceKind::KernelSampled { .. })
    }

    /// The name that stands for all sources of this kind in lists; empty where there is none.
    pub fn group(self) -> &'static str {
        match self {
            SourceKind::Ebpf { .. } => "ebpf",
            SourceKind::Polled | SourceKind::KernelSampled { .. } => "",
        }
    }
}

/// What a source may know of its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where procfs is mounted: `/proc`, or a directory that a test made.
    pub proc: PathBuf,
    /// Where sysfs is mounted: `/sys`, or a directory that a test made.
    pub sys: PathBuf,
    /// The directory of the recording (its own file system is worth a look).
    pub recording: PathBuf,
    /// What the recorder itself costs, as its parts count it.
    pub overhead: Arc<Overhead>,
    /// The programs that run in the kernel.
    pub programs: Arc<Programs>,
    /// The rules that look at what is recorded.
    pub triggers: Arc<Triggers>,
    /// The CPU on which everything runs, if one was chosen.
    pub cpu: Option<u32>,
    /// What the configuration asks of this source.
    pub asked: Asked,
    /// Whether the recorder ends: what is being opened is not wanted any more.
    pub is_ending: Arc<AtomicBool>,
}

/// What the configuration asks of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its cadence.
    pub interval: Duration,
    /// How often to drain what the kernel has sampled; `None` for what suits.
    pub drain: Option<Duration>,
    /// What to feed it from; `None` for the best there is.
    pub feed: Option<Feed>,
    /// What programs in the kernel are to look at.
    pub filters: Filters,
    /// What of the command lines of processes is recorded.
    pub arguments: Arguments,
}

impl Asked {
    /// A cadence, and nothing else.
    pub fn every(interval: Duration) -> Asked {
        let arguments = Arguments::default();
        Asked { interval, drain: None, feed: None, filters: Filters::default(), arguments }
    }

    /// Its cadence, ns.
    pub fn interval_ns(&self) -> u64 {
        duration_ns(self.interval)
    }
}

impl Default for Context {
    fn default() -> Context {
        Context {
            proc: PathBuf::from("/proc"),
            sys: PathBuf::from("/sys"),
            recording: PathBuf::from("/var/lib/nodemon"),
            overhead: Arc::default(),
            programs: Arc::default(),
            triggers: Arc::default(),
            cpu: None,
            asked: Asked::every(Duration::from_secs(1)),
            is_ending: Arc::default(),
        }
    }
}

/// How an open source is fed, where that only shows when it is opened.
#[derive(Clone, Debug)]
pub struct Feeding {
    /// Its tables as they are now, in the order of [`Descriptor::tables`], each with its interval.
    pub tables: Vec<Schema>,
    /// How often to call [`Source::sample`].
    pub every: Duration,
    /// Whether each call drains what the kernel has sampled meanwhile: a late one loses nothing,
    /// and what is lost in the kernel the source says itself, with [`Sink::gap`].
    pub drains: bool,
}

/// A running source. It is sampled at its cadence by its actor; an error makes the supervisor drop
/// it, wait, and reopen it, with a gap for the time between.
pub trait Source: Send {
    /// Takes one sample of each of its tables (or drains its events). Allocates nothing in the
    /// steady state.
    ///
    /// # Errors
    /// What could not be read. A sample that was begun is taken back by the caller.
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError>;

    /// What it cannot read as this user, and what would help; shown by `check`.
    fn limits(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it looks at, where the configuration names that, a sentence each; shown by `check`.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }

    /// How it is fed, where its descriptor does not say it all. Asked once, before the first
    /// sample.
    fn feeding(&self) -> Option<Feeding> {
        None
    }
}
