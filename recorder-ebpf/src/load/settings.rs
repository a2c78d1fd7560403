//! What the configuration says of a feature.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How a feature is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// One more than the highest number that a CPU may have.
    pub cpus: u32,
    /// Elements of those maps whose size may be set.
    pub entries: Option<u32>,
    /// Events that may be sent in a second.
    pub events_per_s: u64,
    /// What took less is left out, ns.
    pub min_latency_ns: u64,
    /// What is looked at.
    pub filter: Filter,
    /// The functions of programs and libraries that are looked at, by a feature that does so.
    pub functions: Vec<Function>,
}

/// A function of a program or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// As people named it.
    pub name: String,
    /// What it is called in its file, or its address.
    pub symbol: String,
    /// The file that it is in, as an absolute path.
    pub path: PathBuf,
    /// Where in that file the instruction is that is to be watched. Nothing was put on the stack
    /// before it, and every call comes by once.
    pub offset: u64,
}

/// Who is in a namespace of control groups does not see how deep they are.
pub const LEVEL_UNKNOWN: u32 = u32::MAX;

/// What is looked at, and nothing else: each that is not 0 must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Number of the process.
    pub pid: u32,
    /// Number of the control group of version 2; those below it belong to it.
    pub cgroup: u64,
    /// How far that is below the root, or [`LEVEL_UNKNOWN`].
    pub cgroup_level: u32,
    /// Name of the program, the rest zero.
    pub command: [u8; 16],
    /// Number of the network interface.
    pub interface: u32,
}

impl Settings {
    /// The same for as long as the process lives, as the loader wants them. Each is kept once.
    pub(super) fn kept(&self) -> &'static Settings {
        static KEPT: Mutex<Vec<&'static Settings>> = Mutex::new(Vec::new());
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().find(|known| **known == self) {
            return known;
        }
        let new: &'static Settings = Box::leak(Box::new(self.clone()));
        kept.push(new);
        new
    }

    /// No filter, on this machine: 1,000 events a second.
    ///
    /// # Errors
    /// When the kernel does not say how many CPUs there may be.
    pub fn here() -> Result<Settings, super::FeatureError> {
        let cpus = aya::util::nr_cpus()
            .map_err(|(path, source)| super::FeatureError::Read { path: path.into(), source })?;
        Ok(Settings {
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            entries: None,
            events_per_s: 1000,
            min_latency_ns: 0,
            filter: Filter::default(),
            functions: Vec::new(),
        })
    }
}
