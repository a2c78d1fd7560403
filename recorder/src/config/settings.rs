//! What a file or the command line says about how to record; what it leaves open stays open.

use super::share::Share;
use crate::redact::Shown;
use crate::source::{Feed, Filters};
use crate::trigger::Rule;
use nodemon_formats::writer::TierOptions;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One layer of settings: the file, or the flags.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The directory of the recording.
    pub directory: Option<PathBuf>,
    /// Whether to record into a directory that others own or can write.
    pub trust_directory: Option<bool>,
    /// The most that the recording may take on disk, bytes.
    pub ring_size_bytes: Option<u64>,
    /// The most that may be between sources and writer, bytes.
    pub queue_size_bytes: Option<u64>,
    /// Rollup tiers, finest first.
    pub tiers: Option<Vec<TierOptions>>,
    /// What of the ring pins may keep.
    pub pin_size: Option<Share>,
    /// The CPU on which everything runs.
    pub cpu: Option<usize>,
    /// What of the command lines of processes is recorded.
    pub arguments: Option<Shown>,
    /// Names of secrets in them, beside those that are built in.
    pub secret_names: Option<Vec<String>>,
    /// The cadence of every source for which the layer names none.
    pub interval: Option<Duration>,
    /// The sources and tables that are recorded, and no others.
    pub only: Option<Vec<String>>,
    /// Sources and tables that are not recorded.
    pub without: Vec<String>,
    /// What is said about single sources, by name.
    pub sources: BTreeMap<String, SourceSettings>,
    /// The rules that look at what is recorded, those that are built in among them.
    pub triggers: Option<Vec<Rule>>,
}

/// What is said about one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its cadence.
    pub interval: Option<Duration>,
    /// Whether it runs.
    pub enabled: Option<bool>,
    /// How often to drain what the kernel has sampled for it.
    pub drain: Option<Duration>,
    /// What to feed it from.
    pub feed: Option<Feed>,
    /// What its programs in the kernel are to look at.
    pub filters: Filters,
}

impl Settings {
    /// Whether this layer switches `source`, which is of `group`, on or off.
    pub fn runs(&self, source: &str, group: &str, tables: &[&str]) -> Option<bool> {
        let own = self.sources.get(source).and_then(|settings| settings.enabled);
        own.or_else(|| {
            if self.leaves_out(source) || self.leaves_out(group) {
                return Some(false);
            }
            let names = |only: &Vec<String>| {
                let is_it = |name: &String| name == source || tables.contains(&name.as_str());
                match only.iter().any(is_it) {
                    true => Some(true),
                    // Of a whole group those that run in any case.
                    false if only.iter().any(|name| name == group) => None,
                    false => Some(false),
                }
            };
            self.only.as_ref().and_then(names)
        })
    }

    /// Whether this layer keeps or drops `table` out of the `tables` of `source`.
    pub fn keeps(&self, source: &str, table: &str, tables: &[&str]) -> Option<bool> {
        if self.leaves_out(table) {
            return Some(false);
        }
        let only = self.only.as_ref()?;
        let has = |name: &str| only.iter().any(|listed| listed == name);
        if has(source) {
            return Some(true);
        }
        tables.iter().any(|name| has(name)).then(|| has(table))
    }

    /// The cadence that this layer wants for `source`.
    pub fn interval(&self, source: &str) -> Option<Duration> {
        self.sources.get(source).and_then(|settings| settings.interval).or(self.interval)
    }

    fn leaves_out(&self, name: &str) -> bool {
        self.without.iter().any(|listed| listed == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, SourceSettings};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_stands_for_a_source_or_for_one_of_its_tables() {
        let cpus = ("cpus", ["cpu", "softirq"]);
        let only = Settings { only: Some(names(&["cpu", "diskstats"])), ..Settings::default() };
        assert_eq!(only.runs(cpus.0, "", &cpus.1), Some(true), "for its table cpu");
        assert_eq!(only.keeps(cpus.0, "cpu", &cpus.1), Some(true));
        assert_eq!(only.keeps(cpus.0, "softirq", &cpus.1), Some(false), "cpu alone was wanted");
        assert_eq!(only.runs("diskstats", "", &["disk"]), Some(true));
        assert_eq!(only.keeps("diskstats", "disk", &["disk"]), Some(true), "the whole source");
        assert_eq!(only.runs("netdev", "", &["net"]), Some(false));

        let without = Settings { without: names(&["softirq", "netdev"]), ..Settings::default() };
        assert_eq!(without.runs(cpus.0, "", &cpus.1), None, "one table less is no reason to stop");
        assert_eq!(without.keeps(cpus.0, "softirq", &cpus.1), Some(false));
        assert_eq!(without.keeps(cpus.0, "cpu", &cpus.1), None);
        assert_eq!(without.runs("netdev", "", &["net"]), Some(false));
    }

    #[test]
    fn a_group_stands_for_those_of_its_sources_that_run_by_themselves() {
        let only = Settings { only: Some(names(&["ebpf", "stat"])), ..Settings::default() };
        assert_eq!(only.runs("signal", "ebpf", &["signal"]), None, "as it is by default");
        assert_eq!(only.runs("netdev", "", &["net"]), Some(false));
        let without = Settings { without: names(&["ebpf"]), ..Settings::default() };
        assert_eq!(without.runs("signal", "ebpf", &["signal"]), Some(false));
        assert_eq!(without.runs("stat", "", &["kernel"]), None);
    }

    #[test]
    fn what_is_said_of_a_source_itself_counts_more_than_lists() {
        let on = SourceSettings { enabled: Some(true), ..SourceSettings::default() };
        let settings = Settings {
            only: Some(names(&["stat"])),
            sources: [("netdev".to_owned(), on)].into(),
            ..Settings::default()
        };
        assert_eq!(settings.runs("netdev", "", &["net"]), Some(true));
    }
}
