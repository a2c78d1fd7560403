//! Processes of which it is known what they do: this test program, started again.

use rustix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const ROLE: &str = "NODEMON_TEST_CHILD";

/// Such a process. It ends when this is dropped.
pub struct Child {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Child {
    /// Starts one, and waits until it says that it has done what its role is.
    pub fn start(role: &str) -> Child {
        let name = concat!(module_path!(), "::plays_its_role");
        let name = name.split_once("::").unwrap().1;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut child = Child { child, answers };
        child.told();
        child
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it do its turn once more; returns what its clock says after that.
    pub fn turn(&mut self) -> u64 {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.told()
    }

    fn told(&mut self) -> u64 {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, number)) = line.trim().split_once("used ") {
                return number.parse().unwrap();
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn clock_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Uses CPU time.
pub fn burn(time: Duration) {
    let end_ns = clock_ns(ClockId::ThreadCPUTime) + time.as_nanos() as u64;
    while clock_ns(ClockId::ThreadCPUTime) < end_ns {}
}

#[test]
#[ignore = "other tests start it as a process"]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut turns = std::io::stdin().lines();
    let barrier = Arc::new(Barrier::new(51));
    if role == "threads" {
        for _ in 0..50 {
            let barrier = barrier.clone();
            std::thread::spawn(move || {
                burn(Duration::from_millis(1));
                barrier.wait();
                std::thread::sleep(Duration::from_secs(1000));
            });
        }
        barrier.wait();
    }
    if role == "spinner" {
        // Without asking for its clock, which would have the kernel account for it.
        let start = Instant::now();
        std::thread::spawn(move || while start.elapsed() < Duration::from_secs(1000) {});
    }
    if role == "files" {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 1 << 20]).unwrap();
        file.rewind().unwrap();
        let mut text = Vec::new();
        file.read_to_end(&mut text).unwrap();
        assert_eq!(text.len(), 1 << 20);
    }
    loop {
        println!("used {}", clock_ns(ClockId::ProcessCPUTime));
        if !matches!(turns.next(), Some(Ok(_))) {
            return;
        }
        if role == "bursts" {
            for _ in 0..25 {
                burn(Duration::from_millis(3));
                std::thread::sleep(Duration::from_millis(97));
            }
        }
    }
}
