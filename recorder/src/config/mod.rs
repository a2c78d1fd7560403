//! How to record: what is built in, what `nodemon.toml` says, what the flags say; the later counts
//! more.

mod catalogue;
mod document;
mod file;
mod interval;
mod place;
mod section;
mod settings;
mod share;
mod suggestion;
mod trigger;

pub use catalogue::{Catalogue, Entry};
pub use document::document;
pub use file::read as read_file;
pub use interval::parse_interval;
pub use place::Places;
pub use settings::{Settings, SourceSettings};
pub use share::Share;

use crate::redact::Arguments;
use crate::source::{Asked, Descriptor, Filters};
use crate::trigger::{self as rules, Rule};
use nodemon_formats::Schema;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::units::exact_size;
use nodemon_formats::writer::{LEAST_RING_BYTES, TierOptions};
use std::path::{Path, PathBuf};

/// The ring unless somebody says otherwise: on a node of 2 CPUs a day of these at 1 ms, half a week
/// of everything at 1 s, two months at 1 min, under the load of builds. It is never more than a
/// tenth of the file system, so that a recorder that was just tried out does not fill a small disk.
pub const DEFAULT_RING_BYTES: u64 = 4 << 30;
/// What part of the file system the default ring may take: one in this many bytes.
const DEFAULT_RING_PART: u64 = 10;
/// The most that may wait for the writer unless somebody says otherwise.
pub const DEFAULT_QUEUE_BYTES: u64 = 8 << 20;

/// What pins may keep of the ring unless somebody says otherwise, and the part that they may have at
/// most: one in so many bytes. The rest has to turn.
const DEFAULT_PIN_SIZE: Share = Share::Percent(10.0);
const MOST_PIN_PART: u64 = 2;

/// How to record, in full.
pub struct Config {
    /// The directory of the recording.
    pub directory: PathBuf,
    /// Whether it may be one that others own or can write.
    pub trust_directory: bool,
    /// The most that the recording may take on disk, bytes.
    pub ring_size_bytes: u64,
    /// Whether nobody said how much, and it is a tenth of the file system.
    pub is_ring_of_file_system: bool,
    /// The most that may be between sources and writer, bytes.
    pub queue_size_bytes: u64,
    /// Rollup tiers, where somebody says which.
    pub tiers: Option<Vec<TierOptions>>,
    /// The most of the ring that pins may keep, bytes.
    pub pin_size_bytes: u64,
    /// The CPU on which everything runs, if one was chosen.
    pub cpu: Option<usize>,
    /// The sources that run.
    pub sources: Vec<PlannedSource>,
    /// The rules that look at what is recorded.
    pub triggers: Vec<Rule>,
    /// The sources that run only while a rule that fired asks for them.
    pub on_demand: Vec<PlannedSource>,
}

/// A source that is to run.
#[derive(Clone)]
pub struct PlannedSource {
    /// Which.
    pub descriptor: &'static Descriptor,
    /// What is asked of it.
    pub asked: Asked,
    /// Its tables, with their interval, and whether each is kept.
    pub tables: Vec<(Schema, bool)>,
}

impl PartialEq for PlannedSource {
    fn eq(&self, other: &PlannedSource) -> bool {
        self.descriptor.name == other.descriptor.name
            && self.asked == other.asked
            && self.tables == other.tables
    }
}

impl Config {
    /// Puts the layers together, the one that counts most first.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no directory to record into, or the ring is too small.
    pub fn resolve(
        layers: &[Settings],
        catalogue: &Catalogue,
        places: &Places,
    ) -> Result<Config, ConfigError> {
        let directory = layers.iter().find_map(|layer| layer.directory.clone());
        let directory = directory.or_else(|| places.recording()).ok_or(ConfigError::NoDirectory)?;
        let queue_size_bytes = layers.iter().find_map(|layer| layer.queue_size_bytes);
        let asked_bytes = layers.iter().find_map(|layer| layer.ring_size_bytes);
        let ring_size_bytes = asked_bytes.unwrap_or_else(|| default_ring_bytes(&directory));
        let tiers = layers.iter().find_map(|layer| layer.tiers.clone());
        check_sizes(ring_size_bytes, tiers.as_deref())?;
        let pin_size = layers.iter().find_map(|layer| layer.pin_size).unwrap_or(DEFAULT_PIN_SIZE);
        let pin_size_bytes = pin_size.bytes_of(ring_size_bytes);
        if pin_size_bytes > ring_size_bytes / MOST_PIN_PART {
            return Err(ConfigError::LargePins { size_bytes: pin_size_bytes, ring_size_bytes });
        }
        let of_catalogue = |asked: &[&str]| -> Vec<PlannedSource> {
            let entries = catalogue.entries.iter();
            let plan =
                |entry: &Entry| planned(layers, entry, asked.contains(&entry.descriptor.name));
            entries.filter_map(plan).collect()
        };
        let sources = of_catalogue(&[]);
        let runs = |name: &str| sources.iter().any(|plan| plan.descriptor.name == name);
        // Without their table nobody could know that rates were raised.
        let triggers = layers.iter().find_map(|layer| layer.triggers.clone());
        let triggers = match runs(rules::TABLE) {
            true => triggers.unwrap_or_else(rules::built_in),
            false => Vec::new(),
        };
        let raised: Vec<&str> =
            triggers.iter().flat_map(|rule| &rule.raises).map(String::as_str).collect();
        let mut on_demand = of_catalogue(&raised);
        on_demand.retain(|plan| !runs(plan.descriptor.name));
        Ok(Config {
            ring_size_bytes,
            is_ring_of_file_system: asked_bytes.is_none() && ring_size_bytes < DEFAULT_RING_BYTES,
            directory,
            trust_directory: layers.iter().find_map(|layer| layer.trust_directory).unwrap_or(false),
            queue_size_bytes: queue_size_bytes.unwrap_or(DEFAULT_QUEUE_BYTES),
            tiers,
            pin_size_bytes,
            cpu: layers.iter().find_map(|layer| layer.cpu),
            triggers,
            on_demand,
            sources,
        })
    }
}

/// Whether a recording of `ring_size_bytes` can be kept with `tiers` in it.
fn check_sizes(ring_size_bytes: u64, tiers: Option<&[TierOptions]>) -> Result<(), ConfigError> {
    let tiers = tiers.unwrap_or_default();
    if let Some(small) = tiers.iter().find(|tier| tier.size_bytes < LEAST_RING_BYTES) {
        return Err(ConfigError::SmallTier { size_bytes: small.size_bytes });
    }
    let tiers_bytes = tiers.iter().fold(0, |sum: u64, tier| sum.saturating_add(tier.size_bytes));
    let least_bytes = tiers_bytes.saturating_add(LEAST_RING_BYTES);
    if ring_size_bytes < least_bytes {
        return Err(ConfigError::SmallRing { size_bytes: ring_size_bytes, least_bytes });
    }
    Ok(())
}

/// How a source is to run, if it is to. One that nobody switched on or off runs by itself or where it
/// `is_asked_for`.
fn planned(layers: &[Settings], entry: &Entry, is_asked_for: bool) -> Option<PlannedSource> {
    let Entry { descriptor, tables } = entry;
    let source = descriptor.name;
    let names = entry.table_names();
    let runs = layers.iter().find_map(|layer| layer.runs(source, descriptor.kind.group(), &names));
    let kept = |table: &str| {
        layers.iter().find_map(|layer| layer.keeps(source, table, &names)) != Some(false)
    };
    if !runs.unwrap_or(descriptor.default_on || is_asked_for)
        || !names.iter().any(|table| kept(table))
    {
        return None;
    }
    let interval = layers.iter().find_map(|layer| layer.interval(source));
    let interval = interval.unwrap_or(descriptor.default_interval);
    let own = |layer: &Settings| layer.sources.get(source).cloned().unwrap_or_default();
    let asked = Asked {
        interval,
        drain: layers.iter().find_map(|layer| own(layer).drain),
        feed: layers.iter().find_map(|layer| own(layer).feed),
        filters: layers
            .iter()
            .fold(Filters::default(), |filters, layer| filters.or(own(layer).filters)),
        arguments: arguments(layers, source),
    };
    let table = |table: &Schema| {
        let interval_ns = match table.kind {
            nodemon_formats::TableKind::Sample => duration_ns(interval),
            nodemon_formats::TableKind::Event => 0,
        };
        (Schema { interval_ns, ..table.clone() }, kept(&table.name))
    };
    Some(PlannedSource { descriptor, asked, tables: tables.iter().map(table).collect() })
}

/// What is asked of those sources that record command lines; the others need not start anew when
/// that changes.
fn arguments(layers: &[Settings], source: &str) -> Arguments {
    if !matches!(source, "process" | "process_event") {
        return Arguments::default();
    }
    let names = layers.iter().find_map(|layer| layer.secret_names.clone());
    Arguments {
        shown: layers.iter().find_map(|layer| layer.arguments).unwrap_or_default(),
        secret_names: names.unwrap_or_default(),
    }
}

/// The ring for somebody who did not say: [`DEFAULT_RING_BYTES`], or a tenth of the file system
/// where that is less.
fn default_ring_bytes(directory: &Path) -> u64 {
    let existing = directory.ancestors().find(|path| path.exists());
    let size_bytes = existing
        .and_then(|path| rustix::fs::statvfs(path).ok())
        .map_or(u64::MAX, |fs| fs.f_blocks.saturating_mul(fs.f_frsize));
    DEFAULT_RING_BYTES.min(size_bytes / DEFAULT_RING_PART).max(LEAST_RING_BYTES)
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{}:{line}:{column}: {what}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A flag says something that cannot be.
    #[error("{flag}: {what}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// There is no home, and no directory was named.
    #[error(
        "there is no directory to record into: HOME is not set; name one with --dir or `directory` \
         in the configuration"
    )]
    NoDirectory,
    /// The ring is too small for a recording.
    #[error(
        "a ring of {} is too small: a recording with its tiers takes at least {}",
        exact_size(*size_bytes),
        exact_size(*least_bytes)
    )]
    SmallRing {
        /// What was asked for.
        size_bytes: u64,
        /// What it takes.
        least_bytes: u64,
    },
    /// Pins would leave too little to the ring.
    #[error(
        "`pin_size` is {}, which is more than half of a ring of {}",
        exact_size(*size_bytes),
        exact_size(*ring_size_bytes)
    )]
    LargePins {
        /// What was asked for.
        size_bytes: u64,
        /// The ring.
        ring_size_bytes: u64,
    },
    /// A tier is too small to hold anything.
    #[error(
        "a tier of {} is too small: it takes at least {}",
        exact_size(*size_bytes),
        exact_size(LEAST_RING_BYTES)
    )]
    SmallTier {
        /// What was asked for.
        size_bytes: u64,
    },
}
