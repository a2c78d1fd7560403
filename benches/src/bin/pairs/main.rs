//! What a change costs, by two recorders that run at once: whatever else this machine does, it does
//! to both. One after the other the same recorder differs by more than most changes.
//!
//! ```text
//! pairs [SECONDS]                  with and without stacks, under each load
//! pairs SECONDS BEFORE AFTER       two builds of nodemon-recorder, under each load
//! ```

mod load;
mod pair;
mod peer;

use load::Load;
use nodemon_recorder_ebpf::load::Statistics;
use pair::{Side, measure};
use peer::{PEERS, Peer};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What takes stacks of whatever runs and waits.
const STACKS: [&str; 4] = ["--source", "stack_cpu", "--source", "stack_wait"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["be-the-switches"] => load::switch(),
        [] => stacks(60),
        [seconds] => whole(seconds).and_then(stacks),
        [seconds, before, after] => {
            whole(seconds).and_then(|seconds| builds(seconds, Path::new(before), Path::new(after)))
        }
        _ => Err("usage: pairs [SECONDS [BEFORE AFTER]]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("pairs: {why}");
            ExitCode::FAILURE
        }
    }
}

fn whole(seconds: &str) -> Result<u64, Box<dyn Error>> {
    seconds.parse().map_err(|why| format!("{seconds} is no number of seconds: {why}").into())
}

fn stacks(seconds: u64) -> Result<(), Box<dyn Error>> {
    let recorder = beside("nodemon-recorder")?;
    compare(
        seconds,
        &Side { name: "without stacks", recorder: &recorder, arguments: &[] },
        &Side { name: "with stacks", recorder: &recorder, arguments: &STACKS },
        &PEERS,
    )
}

fn builds(seconds: u64, before: &Path, after: &Path) -> Result<(), Box<dyn Error>> {
    compare(
        seconds,
        &Side { name: "before", recorder: before, arguments: &[] },
        &Side { name: "after", recorder: after, arguments: &[] },
        &[],
    )
}

/// Which of the two is started first is the other way round every other time.
fn compare(seconds: u64, a: &Side<'_>, b: &Side<'_>, peers: &[Peer]) -> Result<(), Box<dyn Error>> {
    println!("Two recorders at once, every default source, {seconds} s for each load:\n");
    println!(
        "| load | | recorder, % of a core | its programs, % | RSS, MB | rows of stacks a second | \
         bytes each |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    );
    let _statistics = Statistics::enable()?;
    let mut ratios = Vec::new();
    for (number, kind) in load::KINDS.iter().enumerate() {
        let _load = Load::start(kind)?;
        let sides = if number % 2 == 0 { [a, b] } else { [b, a] };
        let (mut measured, of_peers) = measure(sides, peers, Duration::from_secs(seconds))?;
        if number % 2 == 1 {
            measured.swap(0, 1);
        }
        for (side, measured) in [a, b].into_iter().zip(&measured) {
            println!("| {} | {} | {measured} |", kind.name(), side.name);
        }
        for (name, line) in of_peers {
            println!("| {} | {name} | {line} |", kind.name());
        }
        let [a, b] = measured.map(|measured| measured.cpu_percent + measured.programs_percent);
        ratios.push((kind.name(), b - a, b / a));
    }
    println!();
    for (load, more, ratio) in ratios {
        println!("{load}: {more:+.3} % of a core in all, {ratio:.3} times.");
    }
    Ok(())
}

/// The program beside this one, where cargo puts both.
fn beside(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display()).into()) }
}
