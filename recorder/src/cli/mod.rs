//! The command line.

mod mark;
mod pin;

pub use mark::Mark;
pub use pin::{Pin, Unpin};

use crate::config::parse_interval;
use crate::config::{Catalogue, ConfigError, Settings, SourceSettings};
use crate::source::{FUNCTIONS, SourceKind};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use mark::MARK_EXAMPLES;
use nodemon_formats::narrow::duration_ns;
use nodemon_formats::units::{parse_duration, parse_size};
use nodemon_formats::writer::TierOptions;
use pin::PIN_EXAMPLES;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The variable that names the recording.
const DIR_VARIABLE: &str = "NODEMON_DIR";

const EXIT_CODES: &str = "\
Exit codes:
  0  it did what it was asked to
  1  it failed: the disk, the directory, the kernel (check: nothing can be recorded)
  2  the command line or the configuration is wrong
  3  another recorder writes to the directory";

const RUN_EXAMPLES: &str = "\
Examples:
  nodemon-recorder run                                  # everything, at its default interval
  nodemon-recorder run --ring-size 8GiB --cpu 0         # on one CPU, in at most 8 GiB
  nodemon-recorder run --dir /tmp/rec --for 10s         # ten seconds, then stop
  nodemon-recorder run --only cpus,diskstats --interval 1ms
  nodemon-recorder run --without process --source diskstats=100ms
  nodemon-recorder run --source function_latency=functions=libc.so.6:getaddrinfo --for 10s

Signals:
  SIGTERM, SIGINT  write what is left and end, within a second
  SIGHUP           reload the configuration: intervals, sources, ring size";

const EXAMPLES: &str = "\
Examples:
  nodemon-recorder check                                # what can be recorded here
  nodemon-recorder run --dir /tmp/rec --for 10s         # ten seconds, then stop
  nodemon-recorder config > nodemon.toml                # every setting explained";

const CHECK_EXAMPLES: &str = "\
Examples:
  nodemon-recorder check
  nodemon-recorder check --source syscall --ring-size 8GiB
  nodemon-recorder check --source function_latency=functions=libc.so.6:getaddrinfo
  nodemon-recorder check --cost=2s                      # what eBPF programs cost here";

const TABLES_EXAMPLES: &str = "\
Examples:
  nodemon-recorder tables
  nodemon-recorder tables --markdown > tables.md";

/// Records what happens on this node into a ring on disk.
#[derive(Debug, Parser)]
#[command(name = "nodemon-recorder", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record until told to stop
    #[command(after_help = format!("{RUN_EXAMPLES}\n\n{EXIT_CODES}"))]
    Run(Run),
    /// Say what this host can record, what it cannot, why, and what to do about it
    #[command(after_help = format!("{CHECK_EXAMPLES}\n\n{EXIT_CODES}"))]
    Check(Check),
    /// Mark this moment in a recording, to find it again: a job that begins, a deployment, a note
    #[command(after_help = MARK_EXAMPLES)]
    Mark(Mark),
    /// Keep a span of a recording, which the ring does not overwrite from then on
    #[command(after_help = PIN_EXAMPLES)]
    Pin(Pin),
    /// Leave what was pinned to the ring again
    #[command(after_help = PIN_EXAMPLES)]
    Unpin(Unpin),
    /// Print the default configuration, with every key explained
    #[command(after_help = "Example:\n  nodemon-recorder config > nodemon.toml")]
    Config,
    /// List every table and column with its unit and source
    #[command(after_help = TABLES_EXAMPLES)]
    Tables(Tables),
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// How to record.
    #[command(flatten)]
    pub how: How,
    /// Stop after this long: 10s, 5m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Say more (-v: what sources start and stop; -vv: everything)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say warnings and errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// How it would be recorded.
    #[command(flatten)]
    pub how: How,
    /// Measure for this long what each eBPF program costs
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = parse_duration,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5s"
    )]
    pub cost: Option<Duration>,
}

/// Where the recording is.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Directory of the recording
    #[arg(
        long,
        value_name = "DIR",
        env = DIR_VARIABLE,
        // It may be empty, which `PathBuf` may not.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub dir: Option<PathBuf>,
    /// Write into the directory though others own it or can write to it
    #[arg(long)]
    pub trust_directory: bool,
}

/// How to record.
#[derive(Debug, Default, Args)]
pub struct How {
    /// Configuration to read instead of the default one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub place: Place,
    /// The most that the recording may take on disk: 8GiB, 500MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub ring_size: Option<u64>,
    /// Write buffer limit: 8MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub queue_size: Option<u64>,
    /// Downsampled tier kept longer, within the ring, e.g. 1m=64MiB (may be repeated)
    #[arg(long = "tier", value_name = "STEP=SIZE", value_parser = parse_tier)]
    pub tiers: Vec<TierOptions>,
    /// The CPU on which the whole recorder runs
    #[arg(long, value_name = "N")]
    pub cpu: Option<usize>,
    /// Sampling interval of every source: 1s, 10ms
    #[arg(long, value_name = "DURATION", value_parser = parse_interval)]
    pub interval: Option<Duration>,
    /// Record these sources or tables and no others: stat,disk; ebpf stands for all eBPF
    /// programs
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Do not record these sources or tables: process,interrupt; ebpf stands for all eBPF
    /// programs
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Switch a source on or off, or say how: sensor, sensor=off, process=10s,
    /// cpus=1ms,feed=ebpf,drain=100ms; of a source of eBPF programs also events_per_s, entries,
    /// min_latency, pid, command, cgroup, interface: syscall=command=postgres; of function_latency
    /// functions and throws: function_latency=functions=libc.so.6:getaddrinfo,libc.so.6:open; of
    /// stack_alloc min_age: stack_alloc=pid=4711,min_age=30s (may be repeated)
    #[arg(long = "source", value_name = "NAME[=DURATION|on|off|KEY=VALUE,...]")]
    pub sources: Vec<SourceFlag>,
}

/// `tables`.
#[derive(Debug, Args)]
pub struct Tables {
    /// As the document docs/tables.md, which does not depend on this machine
    #[arg(long)]
    pub markdown: bool,
}

/// What `--source` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFlag {
    name: String,
    settings: SourceSettings,
}

impl FromStr for SourceFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<SourceFlag, String> {
        let (name, values) = text.split_once('=').unwrap_or((text, "on"));
        let mut settings = SourceSettings { enabled: Some(true), ..SourceSettings::default() };
        for value in values.split(',') {
            let interval = |text| parse_interval(text).map_err(|error| error.to_string());
            match value.split_once('=') {
                Some(("feed", feed)) => settings.feed = Some(feed.parse()?),
                Some(("drain", drain)) => settings.drain = Some(interval(drain)?),
                Some((key, value)) => settings.filters.set(key, value)?,
                _ if value == "on" || value == "off" => settings.enabled = Some(value == "on"),
                // One more of the functions before it.
                None if value.contains(':') => settings.filters.set(FUNCTIONS, value)?,
                _ => settings.interval = Some(interval(value)?),
            }
        }
        Ok(SourceFlag { name: name.to_owned(), settings })
    }
}

fn parse_tier(text: &str) -> Result<TierOptions, String> {
    let (step, size) = text.split_once('=').ok_or("write STEP=SIZE, as in 1m=64MiB")?;
    let step = parse_interval(step).map_err(|error| error.to_string())?;
    let size_bytes = parse_size(size).map_err(|error| error.to_string())?;
    Ok(TierOptions { step_ns: duration_ns(step), size_bytes })
}

impl How {
    /// The directory that is named. As is usual of variables, an empty one counts as not set.
    fn directory(&self) -> Result<Option<PathBuf>, ConfigError> {
        match &self.place.dir {
            Some(dir) if dir.as_os_str().is_empty() => {
                let is_unset = std::env::var_os(DIR_VARIABLE).is_some_and(|dir| dir.is_empty());
                let what = "it is empty; name the directory to record into".to_owned();
                if is_unset { Ok(None) } else { Err(ConfigError::Flag { flag: "--dir", what }) }
            }
            dir => Ok(dir.clone()),
        }
    }

    /// What the flags say.
    ///
    /// # Errors
    /// [`ConfigError::Flag`] for a source or table that there is not.
    pub fn settings(&self, catalogue: &Catalogue) -> Result<Settings, ConfigError> {
        let flag = |flag| move |what| ConfigError::Flag { flag, what };
        for name in &self.only {
            catalogue.check_source_or_table(name).map_err(flag("--only"))?;
        }
        for name in &self.without {
            catalogue.check_source_or_table(name).map_err(flag("--without"))?;
        }
        for source in &self.sources {
            catalogue.check_source(&source.name).map_err(flag("--source"))?;
            let SourceSettings { feed, drain, filters, .. } = &source.settings;
            let kind = catalogue.kind(&source.name);
            if (feed.is_some() || drain.is_some())
                && !kind.is_some_and(SourceKind::is_kernel_sampled)
            {
                let what = format!(
                    "source `{}` is not sampled by the kernel: it has no feed and no drain",
                    source.name
                );
                return Err(flag("--source")(what));
            }
            if !filters.is_empty() && !kind.is_some_and(SourceKind::is_ebpf) {
                let what = format!("source `{}` does not support filters", source.name);
                return Err(flag("--source")(what));
            }
        }
        let sources = self.sources.iter().map(|flag| (flag.name.clone(), flag.settings.clone()));
        Ok(Settings {
            directory: self.directory()?,
            trust_directory: self.place.trust_directory.then_some(true),
            ring_size_bytes: self.ring_size,
            queue_size_bytes: self.queue_size,
            tiers: (!self.tiers.is_empty()).then(|| self.tiers.clone()),
            cpu: self.cpu,
            interval: self.interval,
            only: (!self.only.is_empty()).then(|| self.only.clone()),
            without: self.without.clone(),
            sources: sources.collect(),
            ..Settings::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Cli, Command, How};
    use crate::config::{Catalogue, Config, Places};
    use crate::sources::SOURCES;
    use clap::{CommandFactory, Parser};
    use std::time::Duration;

    fn how(arguments: &[&str]) -> How {
        let all = ["nodemon-recorder", "run"].iter().chain(arguments);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Run(run) => run.how,
            other => panic!("{other:?}"),
        }
    }

    fn config(arguments: &[&str]) -> Result<Config, String> {
        let catalogue = Catalogue::new(&SOURCES);
        let settings = how(arguments).settings(&catalogue).map_err(|error| error.to_string())?;
        Config::resolve(&[settings], &catalogue, &Places::of_this_process())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_choose_sources_tables_and_cadences() {
        let chosen = config(&[
            "--dir",
            "/tmp/x",
            "--only",
            "softirq,diskstats",
            "--source",
            "cpus=20ms,feed=proc",
            "--source",
            "stat",
            "--interval",
            "5s",
        ])
        .unwrap();
        let what: Vec<_> = chosen
            .sources
            .iter()
            .map(|source| {
                let kept = source.tables.iter().filter(|(_, kept)| *kept);
                let names: Vec<_> = kept.map(|(table, _)| table.name.as_str()).collect();
                (source.descriptor.name, source.asked.interval, names.join(","))
            })
            .collect();
        assert_eq!(
            what,
            [
                ("cpus", Duration::from_millis(20), "softirq".to_owned()),
                ("stat", Duration::from_secs(5), "kernel".to_owned()),
                ("diskstats", Duration::from_secs(5), "disk".to_owned()),
            ]
        );
        let off = config(&["--dir", "/tmp/x", "--source", "stat=off"]).unwrap();
        assert!(off.sources.iter().all(|source| source.descriptor.name != "stat"));
    }

    #[test]
    fn a_name_that_is_not_there_is_told_with_the_flag_and_the_nearest_one() {
        for (arguments, told) in [
            (
                ["--only", "stats"],
                "--only: there is no source or table `stats`; did you mean `stat`?",
            ),
            (
                ["--without", "proces"],
                "--without: there is no source or table `proces`; did you mean `process`?",
            ),
            (["--source", "disk"], "--source: `disk` is a table; its source is `diskstats`"),
            (
                ["--ring-size", "1MiB"],
                "a ring of 1MiB is too small: a recording with its tiers takes at least 4MiB",
            ),
            (["--tier", "1m=1MiB"], "a tier of 1MiB is too small: it takes at least 4MiB"),
        ] {
            assert_eq!(config(&arguments).err().as_deref(), Some(told), "{arguments:?}");
        }
        assert_eq!(
            config(&["--ring-size", "1GiB", "--tier", "1m=1GiB"]).err().as_deref(),
            Some("a ring of 1GiB is too small: a recording with its tiers takes at least 1028MiB")
        );
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_by_the_command_line() {
        for arguments in [
            ["--interval", "1us"],
            ["--source", "stat=2 apples"],
            ["--source", "cpus=feed=luck"],
            ["--tier", "1m"],
            ["--ring-size", "lots"],
        ] {
            let all = ["nodemon-recorder", "run"].iter().chain(&arguments);
            assert!(Cli::try_parse_from(all).is_err(), "{arguments:?}");
        }
    }
}
