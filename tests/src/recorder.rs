//! A recorder as a process of its own.

use crate::reader::has_rows;
use crate::{programs, span};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How to run it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The directory of the recording.
    pub dir: PathBuf,
    /// The ring, bytes.
    pub ring_size_bytes: u64,
    /// More arguments.
    pub arguments: Vec<String>,
    /// A command that becomes the recorder; empty where there is none.
    pub within: Vec<String>,
}

impl Setup {
    /// A recording in `dir` with every table, at the default cadence, in a ring of 256 MiB.
    pub fn new(dir: &Path) -> Setup {
        Setup {
            dir: dir.to_owned(),
            ring_size_bytes: 256 << 20,
            arguments: Vec::new(),
            within: Vec::new(),
        }
    }

    /// The same with another ring.
    #[must_use]
    pub fn ring(mut self, size_bytes: u64) -> Setup {
        self.ring_size_bytes = size_bytes;
        self
    }

    /// The same, started by a command that takes the recorder's command line behind its own.
    #[must_use]
    pub fn within(mut self, command: Vec<String>) -> Setup {
        self.within = command;
        self
    }

    /// The same with every source sampled at `interval`.
    #[must_use]
    pub fn every(self, interval: &str) -> Setup {
        self.with(&["--interval", interval])
    }

    /// The same with more arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Setup {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }
}

/// Tables that have rows on every machine, each of another source.
const ALWAYS: [&str; 6] = ["cpu", "kernel", "load", "memory", "vmstat", "process"];

/// A running recorder; killed when this is dropped.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    dir: PathBuf,
    log: tempfile::NamedTempFile,
}

impl Recorder {
    /// Starts it.
    pub fn start(setup: &Setup) -> Recorder {
        let log = tempfile::NamedTempFile::new().expect("a log file can be made");
        let stderr = log.reopen().expect("the log can be opened twice");
        let mut command = match setup.within.split_first() {
            None => Command::new(&programs().recorder),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&programs().recorder);
                command
            }
        };
        let child = command
            .arg("run")
            .arg("--dir")
            .arg(&setup.dir)
            .args(["--ring-size", &setup.ring_size_bytes.to_string()])
            .args(&setup.arguments)
            .stdin(Stdio::null())
            .stdout(File::create("/dev/null").expect("/dev/null can be opened"))
            .stderr(stderr)
            .spawn()
            .expect("nodemon-recorder can be started");
        Recorder { child, dir: setup.dir.clone(), log }
    }

    /// Starts it and waits until rows of every table can be read that any machine has: on a busy one
    /// the first source may have filled segments before the last is open.
    pub fn start_recording(setup: &Setup) -> Recorder {
        let mut recorder = Recorder::start(setup);
        let is_limited = setup.arguments.iter().any(|word| word == "--only");
        recorder.wait_until("rows of every table can be read", Duration::from_secs(40), |dir| {
            let is_all = || ALWAYS.iter().all(|table| has_rows(dir, table));
            span(dir).is_some() && (is_limited || is_all())
        });
        recorder
    }

    /// Waits until rows can be read over this much time.
    pub fn wait_for(&mut self, time: Duration) {
        let enough = i64::try_from(time.as_nanos()).expect("not 292 years");
        let patience = time + Duration::from_secs(20);
        self.wait_until(&format!("{time:?} are recorded"), patience, |dir| {
            span(dir).is_some_and(|(first, last)| last - first >= enough)
        });
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("the log can be read")
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for something to become true of the directory, looking 20 times a second. Fails the
    /// test when it does not in `patience`, or the recorder ends.
    pub fn wait_until(
        &mut self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&Path) -> bool,
    ) {
        let start = Instant::now();
        while !holds(&self.dir) {
            assert!(self.is_running(), "the recorder ended before {what}:\n{}", self.log());
            assert!(
                start.elapsed() < patience,
                "after {patience:?} it still does not hold that {what}; the recorder says:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until this stands in its log, as [`Recorder::wait_until`] does.
    pub fn wait_until_it_says(&mut self, text: &str, patience: Duration) {
        let log = self.log.path().to_owned();
        let says = |_: &Path| std::fs::read_to_string(&log).is_ok_and(|said| said.contains(text));
        self.wait_until(&format!("it says {text:?}"), patience, says);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a pid"), signal).expect("a child can be signalled");
    }

    /// Kills it as the OOM killer would, and reaps it.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
        self.log()
    }

    /// Asks it to end, and returns how and how fast it did, and its log.
    pub fn terminate(mut self) -> (ExitStatus, Duration, String) {
        let start = Instant::now();
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("a child can be waited for");
        (status, start.elapsed(), self.log())
    }

    /// Waits for it to end by itself.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("a child can be waited for");
        (status, self.log())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to be done about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
