//! Asking, as a person would: `nodemon-query` as a process.

use crate::programs;
use std::path::Path;
use std::process::Command;

/// What a query answered.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `nodemon-query --dir DIR ARGUMENTS`.
pub fn ask(dir: &Path, arguments: &[&str]) -> Answer {
    let output = Command::new(&programs().query)
        .env_remove("NODEMON_DIR")
        .arg("--utc")
        .arg("--dir")
        .arg(dir)
        .args(arguments)
        .output()
        .expect("nodemon-query can be run");
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("answers are UTF-8"),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// As [`ask`], for a question that must be answered.
pub fn ask_ok(dir: &Path, arguments: &[&str]) -> String {
    let answer = ask(dir, arguments);
    assert_eq!(
        answer.code,
        Some(0),
        "nodemon-query {} failed: {}",
        arguments.join(" "),
        answer.err
    );
    answer.out
}

/// The lines of an answer in CSV, each as its cells, and the header line apart. Cells with commas
/// in quotes are not taken apart: the tables asked for here have none.
pub fn csv(text: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header = lines.next().map_or_else(Vec::new, |line| line.split(',').collect());
    (header, lines.map(|line| line.split(',').collect()).collect())
}
