//! The programs, asked as a person would, in the address space that the test has.

use super::PATIENCE;
use nodemon_tests::programs;
use std::path::Path;
use std::process::{Command, Output};

/// Kinds of damage of a segment: of each kind of chunk, of its trees, of its journal's rows.
const MOST_KINDS: usize = 9;

/// Runs a program in limited time; it inherits the limit of memory.
fn run(program: &Path, arguments: &[&str]) -> Output {
    let seconds = PATIENCE.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", &seconds]).arg(program).args(arguments);
    command.env_remove("NODEMON_DIR").env("TZ", "UTC").env("RUST_BACKTRACE", "0");
    command.output().unwrap()
}

/// It ended by itself, with an exit code that is documented, and what it says fits a terminal.
fn assert_ends_well(output: &Output, codes: &[i32], story: &str) {
    let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    let ended = output.status.code().is_some_and(|code| codes.contains(&code));
    assert!(ended, "{story}: {}: {err}", output.status);
    assert!(!err.contains("panicked"), "{story}: {err}");
    let is_printable = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
    assert!(is_printable(&err), "{story}: {err:?}");
    assert!(
        is_printable(&String::from_utf8_lossy(out)),
        "{story}: control characters in the answer"
    );
    // A sentence for each segment and kind: one of the segments is damaged.
    let told = err.lines().filter(|line| line.contains("is damaged")).count();
    assert!(told <= MOST_KINDS, "{story}: {told} sentences about one segment:\n{err}");
    if output.status.code() != Some(0) {
        let says = err.lines().chain(std::str::from_utf8(out).unwrap_or("").lines());
        assert!(says.count() > 0, "{story}: it failed without a word");
    }
}

/// Asks everything of the recording in `dir`; returns how many commands that took.
pub fn ask_everything(dir: &Path, scratch: &Path, story: &str) -> usize {
    let (dir, exported) = (dir.to_str().unwrap(), scratch.join("exported"));
    let out = exported.to_str().unwrap();
    let questions: &[&[&str]] = &[
        &["info", "--all"],
        &["tables"],
        &["verify"],
        &["range", "-t", "cpu", "--from", "start", "-f", "jsonl"],
        &["range", "--from", "start", "--step", "10s"],
        &["replay", "--from", "start", "-f", "jsonl"],
        &["export", "--from", "start", "-f", "csv", "-o", out],
        &["export", "--from", "start", "-f", "parquet", "--force", "-o", out],
    ];
    for question in questions {
        let arguments = [&["--dir", dir][..], question].concat();
        let output = run(&programs().query, &arguments);
        assert_ends_well(&output, &[0, 1, 2, 3, 4], &format!("{story}: {question:?}"));
    }
    let _ = std::fs::remove_dir_all(&exported);
    questions.len()
}

/// Starts the recorder in the directory, as after a crash.
pub fn start_recorder(dir: &Path, story: &str) {
    let arguments = ["run", "--dir", dir.to_str().unwrap(), "--for", "100ms", "--only", "loadavg"];
    let output = run(&programs().recorder, &[&arguments[..], &["--ring-size", "16MiB"]].concat());
    assert_ends_well(&output, &[0], &format!("{story}: the recorder"));
}
