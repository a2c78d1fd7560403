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
    /// Everything that it records by default, at 1 s, programs in the kernel included.
    Everything,
    /// The same without programs in the kernel.
    WithoutPrograms,
    /// Processes alone, by an iterator in the kernel.
    Iterated,
    /// Processes alone, out of `/proc`.
    Walked,
}

impl Contender for Nodemon {
    fn name(&self) -> &'static str {
        match self {
            Nodemon::Proc => "**nodemon**, every source of `/proc` but `process`",
            Nodemon::Fast => "**nodemon**, the same, and every CPU at 1 ms",
            Nodemon::Everything => "**nodemon**, everything",
            Nodemon::WithoutPrograms => "**nodemon**, the same without programs in the kernel",
            Nodemon::Iterated => "**nodemon**, processes by an iterator in the kernel",
            Nodemon::Walked => "**nodemon**, processes out of `/proc`",
        }
    }

    fn start(&self, scratch: &Path) -> io::Result<Running> {
        let mut command = Command::new(recorder()?);
        command
            .arg("run")
            .arg("--dir")
            .arg(scratch.join("recording"))
            .args(["--ring-size", "1GiB"]);
        command.args(match self {
            Nodemon::Proc => &["--without", "process,cgroup,numa,ebpf", "--source", "cpus=1s"][..],
            Nodemon::Fast => &["--without", "process,cgroup,numa,ebpf"],
            Nodemon::Everything => &["--source", "cpus=1s"],
            Nodemon::WithoutPrograms => {
                &["--without", "ebpf", "--source", "process=feed=proc", "--source", "cpus=1s"]
            }
            Nodemon::Iterated => &["--only", "process", "--source", "process=feed=ebpf"],
            Nodemon::Walked => &["--only", "process", "--source", "process=feed=proc"],
        });
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
        // One of a table with one row a second, or as many as there are seconds.
        let seconds = |span: (i64, i64)| (span.1 - span.0) as u64 / 1_000_000_000 + 1;
        let samples = match tables.iter().find(|table| table.schema.name == "kernel") {
            Some(table) => table.rows,
            None => tables.first().map_or(0, |table| seconds(table.span)),
        };
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
