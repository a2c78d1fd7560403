//! sysstat's collector.

use super::{Contender, Held, Left, Running, printed, program};
use std::io;
use std::path::Path;
use std::process::Command;

/// `sadc -S XALL 1`: everything it can collect.
pub struct Sadc;

impl Contender for Sadc {
    fn name(&self) -> &'static str {
        "`sadc -S XALL 1`"
    }

    fn start(&self, scratch: &Path) -> io::Result<Running> {
        let sadc = program("usr/lib/sysstat/sadc")?;
        Running::spawn(Command::new(sadc).args(["-S", "XALL", "1"]).arg(scratch.join("sa")))
    }

    fn held(&self, _running: &Running, scratch: &Path) -> io::Result<Held> {
        let size_bytes = scratch.join("sa").metadata()?.len();
        Ok(Held { stored_bytes: Some(size_bytes), values: None })
    }

    /// `sadf -p` prints a line for each value, and its third column is the time of the sample.
    fn left(&self, scratch: &Path) -> io::Result<Left> {
        let sadf = program("usr/bin/sadf")?;
        let text =
            printed(Command::new(sadf).arg("-p").arg(scratch.join("sa")).args(["--", "-A"]))?;
        let time = |line: &str| line.split('\t').nth(2).map(str::to_owned);
        let last = text.lines().last().and_then(time);
        let values = text.lines().filter(|line| time(line) == last).count() as u64;
        Ok(Left { values: Some(values), bytes_a_sample: None })
    }
}
