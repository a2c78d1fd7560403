//! Sources: where data comes from. One file (or folder) a source, one line in [`SOURCES`].
//!
//! To add a source, write `recorder/src/source/<name>.rs` with a `pub const SOURCE: Descriptor`,
//! and name it in [`SOURCES`]. Configuration, `check`, the documentation of tables and the actor
//! that runs it all follow from the descriptor.

mod aim;
mod cgroup;
mod cpus;
mod descriptors;
mod diskstats;
mod ebpf;
mod filesystem;
mod infiniband;
mod interrupts;
mod keyed;
mod loadavg;
mod meminfo;
mod netdev;
mod netstat;
mod numa;
mod pressure;
mod process;
mod recorder;
mod scope;
mod sensor;
mod sockstat;
mod stat;
mod sysfs;
#[cfg(test)]
mod trial;
mod vmstat;

pub use aim::Aim;
pub use cpus::Feed;
pub use ebpf::Programs;
pub use scope::{KEYS as SCOPE_KEYS, Scope};

use crate::overhead::Overhead;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::{GapCause, Schema};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
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
    pub nature: Nature,
    /// The tables it yields. Their order is the order of [`Sink::table`].
    pub tables: &'static (dyn Fn() -> Vec<Schema> + Sync),
    /// Makes it ready: opens files, learns what is there.
    pub open: &'static (dyn Fn(&Context) -> Opened + Sync),
}

/// A source that is open, or why it is not.
pub type Opened = Result<Box<dyn Source>, SourceError>;

/// Who does the work of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// The recorder, which reads files.
    Read,
    /// Something in the kernel that samples, or the recorder where there is no such thing. It has
    /// the keys `feed` and `drain`.
    Fed,
    /// Programs in the kernel, whose maps and rings the recorder empties. It has the keys of
    /// [`Scope`].
    Ebpf,
}

impl Nature {
    /// The name that stands for all sources of this nature in lists; empty where there is none.
    pub fn group(self) -> &'static str {
        match self {
            Nature::Ebpf => "ebpf",
            Nature::Read | Nature::Fed => "",
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
    /// The CPU on which everything runs, if one was chosen.
    pub cpu: Option<u32>,
    /// What the configuration asks of this source.
    pub asked: Asked,
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
    pub scope: Scope,
}

impl Asked {
    /// A cadence, and nothing else.
    pub fn every(interval: Duration) -> Asked {
        Asked { interval, drain: None, feed: None, scope: Scope::default() }
    }

    /// Its cadence, ns.
    pub fn interval_ns(&self) -> u64 {
        self.interval.as_nanos() as u64
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
            cpu: None,
            asked: Asked::every(Duration::from_secs(1)),
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
/// it, wait, and open it anew, with a gap for the time between.
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

    /// How it is fed, where its descriptor does not say it all. Asked once, before the first
    /// sample.
    fn feeding(&self) -> Option<Feeding> {
        None
    }
}

/// Intervals from here on are sampled with times in whole microseconds.
const COARSE_INTERVAL_NS: u64 = 100_000_000;

/// Where a source puts its samples: one builder for each of its tables.
pub struct Sink {
    builders: Vec<RecordBuilder>,
    clock: SampleClock,
    gaps: Vec<KernelGap>,
    more: bool,
}

/// Tells the times of samples.
#[derive(Clone, Copy, Debug)]
pub struct SampleClock {
    /// Times are multiples of this, ns.
    step_ns: u64,
}

/// What a source lost in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelGap {
    /// The table that lost it; `None` for all tables, which have one sample each at a time.
    pub table: Option<usize>,
    /// Why.
    pub cause: GapCause,
    /// The last sample before it, `CLOCK_BOOTTIME` ns.
    pub from_ns: u64,
    /// The first sample after it.
    pub to_ns: u64,
    /// Samples that are missing.
    pub lost: u64,
    /// What there is to say beside the cause.
    pub detail: &'static str,
}

impl SampleClock {
    /// The time of a sample whose data was read just now: `CLOCK_BOOTTIME` ns, to be taken right
    /// after each read. At intervals of 100 ms and more it is rounded down to a microsecond, which
    /// is still finer than the read is long and takes less room on disk.
    pub fn time_ns(self) -> u64 {
        let now_ns = boottime_ns();
        now_ns - now_ns % self.step_ns
    }
}

impl Sink {
    /// Builders for the tables of a source, in the order of [`Descriptor::tables`].
    pub fn new(tables: &[Schema]) -> Sink {
        let interval_ns = tables.first().map_or(0, |table| table.interval_ns);
        let step_ns = if interval_ns >= COARSE_INTERVAL_NS { 1_000 } else { 1 };
        Sink {
            builders: tables.iter().map(RecordBuilder::new).collect(),
            clock: SampleClock { step_ns },
            gaps: Vec::new(),
            more: false,
        }
    }

    /// What tells times.
    pub fn clock(&self) -> SampleClock {
        self.clock
    }

    /// See [`SampleClock::time_ns`].
    pub fn time_ns(&self) -> u64 {
        self.clock.time_ns()
    }

    /// Says that `lost` samples of the kernel are missing between two others.
    pub fn gap(
        &mut self,
        cause: GapCause,
        from_ns: u64,
        to_ns: u64,
        lost: u64,
        detail: &'static str,
    ) {
        self.gaps.push(KernelGap { table: None, cause, from_ns, to_ns, lost, detail });
    }

    /// Says that one table lost so many rows between two times, beside those that it has.
    pub fn lose(
        &mut self,
        table: usize,
        cause: GapCause,
        (from_ns, to_ns): (u64, u64),
        lost: u64,
        detail: &'static str,
    ) {
        self.gaps.push(KernelGap { table: Some(table), cause, from_ns, to_ns, lost, detail });
    }

    /// The gaps that were told since they were last taken.
    pub fn take_gaps(&mut self) -> Vec<KernelGap> {
        std::mem::take(&mut self.gaps)
    }

    /// Says that there is more to drain, once this was sent.
    pub fn set_more(&mut self) {
        self.more = true;
    }

    /// Whether there was more to drain.
    pub fn take_more(&mut self) -> bool {
        std::mem::take(&mut self.more)
    }

    /// The builder of a table.
    ///
    /// # Panics
    /// When the source has no such table, which its first sample in a test shows.
    pub fn table(&mut self, index: usize) -> &mut RecordBuilder {
        &mut self.builders[index]
    }

    /// Takes back every sample that was begun and not ended.
    pub fn abandon_unfinished(&mut self) {
        for builder in self.builders.iter_mut().filter(|builder| builder.is_open()) {
            builder.abandon_sample();
        }
    }

    /// All builders, in the order of the tables.
    pub fn tables(&mut self) -> &mut [RecordBuilder] {
        &mut self.builders
    }
}

/// Why a source cannot deliver.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// This kernel or machine does not have it. Not a failure: the source stays off.
    #[error("{what} is not there: {why}")]
    Unavailable {
        /// The file or facility.
        what: String,
        /// Why that is so, and what would bring it.
        why: String,
    },
    /// What the configuration asks for is not there yet. The source fails and is opened anew until
    /// it is.
    #[error(
        "there is no {what}, which its key `{key}` asks for, so it records nothing until there is \
         ({known})"
    )]
    Awaited {
        /// What is missing, with its name.
        what: String,
        /// The key of the configuration.
        key: &'static str,
        /// What would tell a name that is right.
        known: &'static str,
    },
    /// What the configuration asks for is another one than it was, under the same name.
    #[error("the {what} has been made anew, and the programs in the kernel look at the old one")]
    MadeAnew {
        /// What, with its name.
        what: String,
    },
    /// What samples in the kernel does so no more.
    #[error("{what} is there, but nothing comes from it any more")]
    Silent {
        /// The producer.
        what: &'static str,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// A file holds something that cannot be understood.
    #[error("cannot make sense of {}: {what}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place, in words.
        what: String,
    },
}

impl SourceError {
    /// A failed read of `path`.
    pub fn read(path: &Path, source: impl Into<std::io::Error>) -> SourceError {
        SourceError::Read { path: path.to_owned(), source: source.into() }
    }

    /// Something in `path` that cannot be understood.
    pub fn parse(path: &Path, what: impl Into<String>) -> SourceError {
        SourceError::Parse { path: path.to_owned(), what: what.into() }
    }
}

/// Every source, in the order in which people want to see them.
pub static SOURCES: LazyLock<Vec<&'static Descriptor>> =
    LazyLock::new(|| OWN.iter().copied().chain(ebpf::descriptors().map(aim::watched)).collect());

/// Those that are written here. The others are the features of the crate of eBPF programs.
static OWN: &[&Descriptor] = &[
    &cpus::SOURCE,
    &stat::SOURCE,
    &interrupts::SOURCE,
    &loadavg::SOURCE,
    &meminfo::SOURCE,
    &vmstat::SOURCE,
    &diskstats::SOURCE,
    &filesystem::SOURCE,
    &netdev::SOURCE,
    &netstat::SOURCE,
    &sockstat::SOURCE,
    &pressure::SOURCE,
    &process::SOURCE,
    &cgroup::SOURCE,
    &numa::SOURCE,
    &infiniband::SOURCE,
    &sensor::hwmon::SOURCE,
    &sensor::frequency::SOURCE,
    &sensor::energy::SOURCE,
    &recorder::SOURCE,
    &ebpf::PROGRAMS,
];

/// What the tables of a source are on any kernel, where they are not the same on every one: those
/// columns that are described. Whatever else a kernel has bears its own names.
pub fn described(source: &Descriptor) -> Option<Vec<Schema>> {
    match source.name {
        name if name == meminfo::SOURCE.name => Some(meminfo::described()),
        name if name == vmstat::SOURCE.name => Some(vmstat::described()),
        name if name == netstat::SOURCE.name => Some(netstat::described()),
        _ => None,
    }
}
