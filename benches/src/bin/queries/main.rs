//! How fast a recording answers: one metric over an hour from a cold disk, and the rates at which
//! values are decoded and downsampled. Prints tables in Markdown.

mod cold;
mod floor;
mod node;
mod rates;

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("queries: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // Not in /tmp, which may be memory: a cold disk is the subject.
    let here = std::env::current_exe()?;
    let scratch = tempfile::tempdir_in(here.parent().ok_or("this program lies in no directory")?)?;
    cold::measure(&scratch.path().join("hour"))?;
    println!();
    rates::measure(&scratch.path().join("milliseconds"))
}

/// The query program beside this one, where cargo puts both.
fn query_program() -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name("nodemon-query");
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display()).into()) }
}

/// How long the query program takes from its start to its end, its output thrown away.
fn timed(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let elapsed = start.elapsed();
    if status.success() { Ok(elapsed) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The smallest and the middle one.
fn best_and_median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    (times.first().copied().unwrap_or_default(), middle)
}
