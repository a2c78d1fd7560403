//! nodemon itself.

use super::{Contender, Held, Left, Running};
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `nodemon-recorder run`.
pub enum Nodemon {
    /// What is in `/proc` without processes, at 1 s.
    Proc,
    /// The same, and every CPU at 1 ms.
    Fast,
    /// Everything that it can record, at 1 s.
    Everything,
}

impl Contender for Nodemon {
    fn name(&self) -> &'static str {
        match self {
            Nodemon::Proc => "**nodemon**, every source of `/proc` but `process`",
            Nodemon::Fast => "**nodemon**, the same, and every CPU at 1 ms",
            Nodemon::Everything => "**nodemon**, everything",
        }
    }

    fn start(&self, scratch: &Path) -> io::Result<Running> {
        let mut command = Command::new(recorder()?);
        command
            .arg("run")
            .arg("--dir")
            .arg(scratch.join("recording"))
            .args(["--ring-size", "1GiB"]);
        if !matches!(self, Nodemon::Everything) {
            command.args(["--without", "process,cgroup,numa,ebpf"]);
        }
        if !matches!(self, Nodemon::Fast) {
            command.args(["--source", "cpus=1s"]);
        }
        Running::spawn(&mut command)
    }

    fn held(&self, _running: &Running, _scratch: &Path) -> io::Result<Held> {
        Ok(Held::default())
    }

    /// It is told to end, so that its last blocks are sealed and can be counted.
    fn stop(&self, mut running: Running) -> io::Result<()> {
        if let Some(pid) = i32::try_from(running.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let status = running.child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("it {status}"))) }
    }

    fn left(&self, scratch: &Path) -> io::Result<Left> {
        let recording = Recording::open(&scratch.join("recording")).map_err(io::Error::other)?;
        let tables = recording.tables().map_err(io::Error::other)?;
        let stored_bytes: u64 = tables.iter().map(|table| table.size_bytes).sum();
        let samples =
            tables.iter().find(|table| table.schema.name == "kernel").map_or(0, |table| table.rows);
        let mut values = 0;
        for table in &tables {
            values += values_in_last_sample(&recording, &table.schema.name, table.span.1)?;
        }
        let bytes_a_sample = (samples > 0).then(|| stored_bytes as f64 / samples as f64);
        // A second has a thousand samples of some tables and one of the others.
        let values = (!matches!(self, Nodemon::Fast)).then_some(values);
        Ok(Left { values, bytes_a_sample })
    }
}

/// The recorder beside this program, where cargo puts both.
fn recorder() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("nodemon-recorder");
    if path.exists() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("{} is not built", path.display())))
    }
}

/// How many values, keys not counted, the last sample of a table has.
fn values_in_last_sample(recording: &Recording, table: &str, last: i64) -> io::Result<u64> {
    let request = ScanRequest {
        table: table.to_owned(),
        from: last,
        to: last.saturating_add(1),
        ..ScanRequest::default()
    };
    let mut values = 0;
    for item in recording.scan(request).map_err(io::Error::other)? {
        match item.map_err(io::Error::other)? {
            ScanItem::Chunk(chunk) => {
                for cells in &chunk.cells {
                    values += (0..chunk.rows()).filter(|row| cells.present.at(*row)).count() as u64;
                }
            }
            ScanItem::Problem(why) => return Err(io::Error::other(why)),
            ScanItem::Summary(_) => {}
        }
    }
    Ok(values)
}
