//! The replay on a terminal that goes away.

use crate::support::{Recorded, record};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A replay on a terminal of its own, which shows something already.
struct Replay {
    /// `script`, which is the terminal.
    terminal: Child,
    pid: Pid,
}

impl Replay {
    fn start(recorded: &Recorded) -> Replay {
        let program = assert_cmd::cargo::cargo_bin("nodemon-query");
        let (program, dir) = (program.display(), recorded.dir.display());
        let command = format!("stty rows 40 cols 120; exec {program} --dir {dir} replay --speed 1");
        let mut terminal = Command::new("script")
            .args(["-qfec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script of util-linux is needed");
        let mut shown = Vec::new();
        let out = terminal.stdout.as_mut().unwrap();
        while !shown.windows(3).any(|text| text == b"CPU") {
            let mut piece = [0; 4096];
            let length = out.read(&mut piece).unwrap();
            assert!(length > 0, "it ended with: {}", String::from_utf8_lossy(&shown));
            shown.extend_from_slice(&piece[..length]);
        }
        let children = format!("/proc/{0}/task/{0}/children", terminal.id());
        let pid = std::fs::read_to_string(children).unwrap();
        let pid = Pid::from_raw(pid.split_whitespace().next().unwrap().parse().unwrap()).unwrap();
        Replay { terminal, pid }
    }

    /// Waits until the replay has ended; fails when it does not.
    fn ends(&self, after: &str) {
        let begun = Instant::now();
        let status = format!("/proc/{}/stat", self.pid.as_raw_nonzero());
        // A process that nobody waits for stays a zombie.
        while std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z ")) {
            if begun.elapsed() > Duration::from_secs(10) {
                let _ = kill_process(self.pid, Signal::KILL);
                panic!("the replay goes on after {after}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_replay_ends_when_its_terminal_goes_away() {
    let mut replay = Replay::start(&record());
    replay.terminal.kill().unwrap();
    replay.terminal.wait().unwrap();
    replay.ends("its terminal was closed");
}

#[test]
fn a_replay_ends_at_a_signal_and_gives_the_screen_back() {
    let recorded = record();
    for signal in [Signal::HUP, Signal::TERM] {
        let mut replay = Replay::start(&recorded);
        kill_process(replay.pid, signal).unwrap();
        let mut rest = Vec::new();
        replay.terminal.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8_lossy(&rest);
        assert!(rest.contains("\x1b[?1049l"), "{signal:?}: the screen is not given back: {rest:?}");
        replay.ends("a signal");
        replay.terminal.wait().unwrap();
    }
}

#[test]
fn listings_fit_a_terminal_of_80_columns() {
    let recorded = record();
    let program = assert_cmd::cargo::cargo_bin("nodemon-query");
    for arguments in ["info --all", "tables", "tables cpu", "tables oom"] {
        let (program, dir) = (program.display(), recorded.dir.display());
        let command = format!("stty rows 24 cols 80; exec {program} --dir {dir} {arguments}");
        let output = Command::new("script")
            .args(["-qfec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().count() >= 4, "{arguments}: {text}");
        for line in text.lines().map(|line| line.trim_end_matches(['\r', '\n'])) {
            assert!(line.chars().count() <= 80, "{arguments}: {line:?} is too wide");
        }
    }
}
