//! What the configuration asks of a source whose programs run in the kernel.

use std::path::PathBuf;
use std::time::Duration;

/// How much, and of what. What is not said is left to the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Events that it may send in a second; the rest is counted and becomes a gap.
    pub events_per_s: Option<u32>,
    /// Elements of its maps, where these may grow with what happens.
    pub entries: Option<u32>,
    /// Shorter events are not recorded.
    pub min_latency: Option<Duration>,
    /// One process, and no other.
    pub pid: Option<u32>,
    /// Programs of this name (comm), and no others.
    pub command: Option<String>,
    /// One control group of version 2 with those below it, and no other: `/system.slice`.
    pub cgroup: Option<PathBuf>,
    /// One network interface, and no other.
    pub interface: Option<String>,
    /// What is gone before it is so old is not recorded.
    pub min_age: Option<Duration>,
    /// Functions of programs and libraries: `libc.so.6:getaddrinfo`, `/usr/bin/x:0x1234`.
    pub functions: Option<Vec<String>>,
    /// Whether somebody said that neither an exception nor a panic ever leaves one of these functions,
    /// or passes it.
    pub never_throws: Option<bool>,
}

/// The keys, as in `nodemon.toml` and behind `--source`.
pub const KEYS: [&str; 10] = [
    "events_per_s",
    "entries",
    "min_latency",
    "pid",
    "command",
    "cgroup",
    "interface",
    "min_age",
    FUNCTIONS,
    "throws",
];

/// The key of a list: what is written behind it is one more of them.
pub const FUNCTIONS: &str = "functions";
/// A thread has so many calls in progress at most, and to watch a function takes descriptors.
const MOST_FUNCTIONS: usize = 64;

/// The most elements of a map: the kernel takes the memory for all of them at once, for each some
/// 64 bytes and 8 for every CPU, and hears no signal meanwhile.
pub const MOST_ENTRIES: u32 = 1 << 20;
/// The largest budget of events: no ring is emptied faster.
pub const MOST_EVENTS_PER_S: u32 = 10_000_000;
/// What waits to be so old has 8 MiB at most, which is filled in 70 s.
const MOST_AGE: Duration = Duration::from_secs(60);
/// The kernel numbers no process higher (`PID_MAX_LIMIT`).
const MOST_PID: u32 = 1 << 22;

impl Filters {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Filters::default()
    }

    /// What `self` says, and where that is nothing what `other` says.
    #[must_use]
    pub fn or(self, other: Filters) -> Filters {
        Filters {
            events_per_s: self.events_per_s.or(other.events_per_s),
            entries: self.entries.or(other.entries),
            min_latency: self.min_latency.or(other.min_latency),
            pid: self.pid.or(other.pid),
            command: self.command.or(other.command),
            cgroup: self.cgroup.or(other.cgroup),
            interface: self.interface.or(other.interface),
            min_age: self.min_age.or(other.min_age),
            functions: self.functions.or(other.functions),
            never_throws: self.never_throws.or(other.never_throws),
        }
    }

    /// Takes what is written behind a key.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        let number = |what: &str, most: u32| {
            let number: u64 = text.parse().map_err(|_| format!("`{text}` is no {what}"))?;
            let fits = u32::try_from(number).ok().filter(|number| (1..=most).contains(number));
            fits.ok_or_else(|| format!("{key} must lie between 1 and {most}, {number} does not"))
        };
        match key {
            "events_per_s" => {
                self.events_per_s = Some(number("number of events", MOST_EVENTS_PER_S)?);
            }
            "entries" => self.entries = Some(number("number of entries", MOST_ENTRIES)?),
            "min_latency" => {
                let latency = nodemon_formats::units::parse_duration(text);
                self.min_latency = Some(latency.map_err(|error| error.to_string())?);
            }
            "pid" => self.pid = Some(number("number of a process", MOST_PID)?),
            "command" if text.len() >= COMMAND_BYTES => {
                return Err(format!(
                    "`{text}` is longer than the {} bytes that the kernel keeps of a name",
                    COMMAND_BYTES - 1
                ));
            }
            "command" => self.command = Some(text.to_owned()),
            "cgroup" if !text.starts_with('/') => {
                return Err(format!("`{text}` must be a path below the root, as in /system.slice"));
            }
            "cgroup" => self.cgroup = Some(text.into()),
            "interface" => self.interface = Some(text.to_owned()),
            "min_age" => {
                let age = nodemon_formats::units::parse_duration(text);
                let age = age.map_err(|error| error.to_string())?;
                if age > MOST_AGE {
                    return Err(format!(
                        "{text} is more than 1m: what is allocated meanwhile waits in memory"
                    ));
                }
                self.min_age = Some(age);
            }
            "throws" if text != "never" => {
                return Err(format!("`{text}` is not `never`, which is all that can be said"));
            }
            "throws" => self.never_throws = Some(true),
            FUNCTIONS => self.add_function(text)?,
            _ => return Err(format!("there is no key `{key}`; there are {}", KEYS.join(", "))),
        }
        Ok(())
    }

    fn add_function(&mut self, text: &str) -> Result<(), String> {
        let is_one =
            text.split_once(':').is_some_and(|(file, name)| !file.is_empty() && !name.is_empty());
        if !is_one {
            return Err(format!(
                "`{text}` names no function: write FILE:NAME or FILE:0xADDRESS, as in \
                 libc.so.6:getaddrinfo"
            ));
        }
        let functions = self.functions.get_or_insert_default();
        if functions.iter().all(|known| known != text) {
            functions.push(text.to_owned());
        }
        match functions.len() > MOST_FUNCTIONS {
            true => Err(format!("more than {MOST_FUNCTIONS} functions cannot be watched at once")),
            false => Ok(()),
        }
    }
}

/// Bytes of a name of a program, its zero byte included.
pub const COMMAND_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Filters, KEYS};

    #[test]
    fn every_key_is_taken_and_nonsense_is_told_with_what_would_be_right() {
        let texts = [
            "500",
            "4096",
            "10ms",
            "42",
            "postgres",
            "/system.slice",
            "eth0",
            "30s",
            "libc.so.6:free",
            "never",
        ];
        for (key, text) in KEYS.iter().zip(texts) {
            let mut filters = Filters::default();
            assert_eq!(filters.set(key, text), Ok(()), "{key}");
            assert!(
                !filters.is_empty() && Filters::default().or(filters.clone()) == filters,
                "{key}"
            );
        }
        for (key, text, told) in [
            ("pid", "init", "number of a process"),
            ("events_per_s", "0", "between 1 and 10000000, 0 does not"),
            ("events_per_s", "10000001", "between 1 and 10000000, 10000001 does not"),
            ("entries", "0", "between 1 and 1048576, 0 does not"),
            ("entries", "100000000", "between 1 and 1048576, 100000000 does not"),
            ("entries", "4294967297", "between 1 and 1048576, 4294967297 does not"),
            ("entries", "many", "number of entries"),
            ("pid", "4194305", "between 1 and 4194304"),
            ("command", "a-name-that-is-too-long", "15 bytes"),
            ("cgroup", "system.slice", "/system.slice"),
            ("min_latency", "soon", "soon"),
            ("min_age", "old", "old"),
            ("min_age", "10m", "more than 1m"),
            ("throws", "seldom", "is not `never`"),
            ("functions", "malloc", "FILE:NAME"),
            ("functions", "libc.so.6:", "FILE:NAME"),
            ("uid", "0", "there are events_per_s"),
        ] {
            let error = Filters::default().set(key, text).err().unwrap_or_default();
            assert!(error.contains(told), "{key}={text}: {error}");
        }
    }
}
