//! The ways in which the tables of this source can be fed.

use std::str::FromStr;

/// Where the samples come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The ring of the kernel module.
    Module,
    /// The ring of an eBPF timer.
    Ebpf,
    /// `/proc`, read by the recorder.
    Proc,
}

impl Feed {
    /// What it is, in words.
    pub fn phrase(self) -> &'static str {
        match self {
            Feed::Module => "the kernel module",
            Feed::Ebpf => "an eBPF timer",
            Feed::Proc => "/proc",
        }
    }
}

impl FromStr for Feed {
    type Err = String;

    fn from_str(text: &str) -> Result<Feed, String> {
        match text {
            "module" => Ok(Feed::Module),
            "ebpf" => Ok(Feed::Ebpf),
            "proc" => Ok(Feed::Proc),
            _ => Err(format!("`{text}` must be module, ebpf or proc")),
        }
    }
}
