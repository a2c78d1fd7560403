//! atop, recording to a file.

use super::{Contender, Held, Running, program};
use std::io;
use std::path::Path;
use std::process::Command;

/// `atop -w FILE 1`: the system and every process. It prints more fields than it records, so its
/// values are not counted.
pub struct Atop;

impl Contender for Atop {
    fn name(&self) -> &'static str {
        "`atop -w FILE 1`"
    }

    fn start(&self, scratch: &Path) -> io::Result<Running> {
        let atop = program("usr/bin/atop")?;
        Running::spawn(Command::new(atop).arg("-w").arg(scratch.join("atop")).arg("1"))
    }

    fn held(&self, _running: &Running, scratch: &Path) -> io::Result<Held> {
        let size_bytes = scratch.join("atop").metadata()?.len();
        Ok(Held { stored_bytes: Some(size_bytes), values: None })
    }
}
