//! The programs that are measured beside each other, one file each.

mod atop;
mod floor;
mod node_exporter;
mod nodemon;
mod sadc;

pub use atop::Atop;
pub use floor::{Floor, run_floor, run_floor_of_processes};
pub use node_exporter::NodeExporter;
pub use nodemon::Nodemon;
pub use sadc::Sadc;

use crate::scraper::Scraper;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// One program to measure.
pub trait Contender {
    /// What stands in the table.
    fn name(&self) -> &'static str;

    /// Starts it, sampling once a second, keeping its files in `scratch`.
    ///
    /// # Errors
    /// When it cannot be started: the reason is told and its line left out.
    fn start(&self, scratch: &Path) -> io::Result<Running>;

    /// What it holds so far.
    ///
    /// # Errors
    /// When its files cannot be read.
    fn held(&self, running: &Running, scratch: &Path) -> io::Result<Held>;

    /// Ends it. Most are killed.
    ///
    /// # Errors
    /// When it cannot be ended in good order.
    fn stop(&self, running: Running) -> io::Result<()> {
        drop(running);
        Ok(())
    }

    /// Looks into what it left behind, after its end.
    ///
    /// # Errors
    /// When its files cannot be read.
    fn left(&self, _scratch: &Path) -> io::Result<Left> {
        Ok(Left::default())
    }
}

/// What a contender holds at some instant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Bytes of what it recorded, where it records.
    pub stored_bytes: Option<u64>,
    /// Values in the last sample, where that shows while it runs.
    pub values: Option<u64>,
}

/// What a contender's files tell after its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Values in the last sample.
    pub values: Option<u64>,
    /// Bytes of a sample, where they can be had better than by the growth of a file.
    pub bytes_a_sample: Option<f64>,
}

/// A contender's process; killed and reaped when this is dropped.
pub struct Running {
    /// The process.
    pub child: Child,
    /// What asks it for data, where it does nothing by itself.
    pub scraper: Option<Scraper>,
}

impl Running {
    /// Starts `command` with nothing to read and its output thrown away.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Running> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running { child: child.spawn()?, scraper: None })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.scraper = None;
        // It may have ended already; there is nothing else to be done about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a peer's program is: installed, or in the directory where `scripts/peers` unpacked it
/// (`NODEMON_PEERS`).
///
/// # Errors
/// When it is in neither place.
pub fn program(path: &str) -> io::Result<PathBuf> {
    let unpacked = std::env::var_os("NODEMON_PEERS").map(|root| PathBuf::from(root).join(path));
    [Some(Path::new("/").join(path)), unpacked]
        .into_iter()
        .flatten()
        .find(|path| path.exists())
        .ok_or_else(|| io::Error::other(format!("there is no {path} here; see scripts/peers")))
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be run or fails.
pub fn printed(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?} failed: {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
