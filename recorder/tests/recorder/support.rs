//! The program as a process, and what it recorded.

use nodemon_formats::clock::ClockOffset;
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nodemon-recorder");

/// The program with `arguments`, in an environment that says nothing about where to record.
pub fn program<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env_remove("NODEMON_DIR")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn output<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    program(arguments).output().unwrap()
}

/// What it said to stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A recorder that runs; killed when it is dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts to record into `dir`, and waits until there is something in it.
    pub fn start(dir: &Path, arguments: &[&str]) -> Running {
        let sized: Vec<&str> = ["--ring-size", "64MiB"].iter().chain(arguments).copied().collect();
        Running::start_with(dir, &sized)
    }

    /// The same without a size of the ring.
    pub fn start_with(dir: &Path, arguments: &[&str]) -> Running {
        let mut running = Running::spawn(dir, arguments);
        running.wait_until("the first rows can be read", || span(dir).is_some());
        running
    }

    /// The same without waiting for anything.
    pub fn spawn(dir: &Path, arguments: &[&str]) -> Running {
        let first = ["run", "--dir", dir.to_str().unwrap()];
        let all: Vec<&str> = first.iter().chain(arguments).copied().collect();
        Running::from_command(program(&all).stderr(Stdio::piped()))
    }

    /// What `command` starts.
    pub fn from_command(command: &mut Command) -> Running {
        Running { child: command.spawn().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `holds`; fails when the recorder ends before that, or 20 s are over.
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status} before {what}: {}", self.rest());
            }
            assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Signals it to end; says how it ended, how long that took, and what it had said.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, Duration, String) {
        let start = Instant::now();
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let took = start.elapsed();
        let said = self.rest();
        (status, took, said)
    }

    fn rest(&mut self) -> String {
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            stderr.read_to_string(&mut said).unwrap();
        }
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Wall time of the first and the last row of any table, ns.
pub fn span(dir: &Path) -> Option<(i64, i64)> {
    Recording::open(dir).ok()?.span()
}

/// Wall time now, ns.
pub fn wall_ns() -> i64 {
    let now = ClockOffset::now();
    now.from_ns.cast_signed() + now.offset_ns
}

/// Wall times of the samples of a table, ns; none when there is no such table.
pub fn times(dir: &Path, table: &str) -> Vec<i64> {
    let request = ScanRequest {
        table: table.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        ..ScanRequest::default()
    };
    let Ok(scan) = Recording::open(dir).unwrap().scan(request) else { return Vec::new() };
    let mut times = Vec::new();
    for item in scan {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => times.extend_from_slice(&chunk.times),
            ScanItem::Summary(_) => panic!("a summary that nobody asked for"),
            ScanItem::Problem(problem) => panic!("{problem}"),
        }
    }
    times
}

/// The texts that a column of strings has in all rows of a table.
pub fn string_cells(dir: &Path, table: &str, column: &str) -> Vec<String> {
    let recording = Recording::open(dir).unwrap();
    let schema = recording.schema(table).unwrap();
    let column = schema.row_columns().position(|known| known.name == column).unwrap();
    let request = ScanRequest {
        table: table.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        columns: Some(vec![column]),
        ..ScanRequest::default()
    };
    let mut texts = Vec::new();
    for item in recording.scan(request).unwrap() {
        let ScanItem::Chunk(chunk) = item.unwrap() else { panic!("rows were asked for") };
        for cells in &chunk.cells {
            let rows = (0..chunk.rows()).filter(|row| cells.present.at(*row));
            texts.extend(rows.map(|row| {
                String::from_utf8_lossy(chunk.strings.get(cells.words.at(row))).into_owned()
            }));
        }
    }
    texts
}

/// The value after `name` in what `/proc/PID/status` says.
pub fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

/// The value after `name` in the status of a process that is there.
pub fn status_field(path: &str, name: &str) -> String {
    field(&std::fs::read_to_string(path).unwrap(), name)
}

/// The threads of a process: the name of each, and what its `status` says.
pub fn threads(pid: u32) -> Vec<(String, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    // One that has ended since it was listed has no status.
    let status = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("status")).ok()
    };
    tasks.filter_map(status).map(|status| (field(&status, "Name"), status)).collect()
}
