//! Two recorders at once.

use super::peer::{Peer, PeerCost, RunningPeer};
use nodemon_benches::cost::{Cost, of_programs, of_tree};
use nodemon_formats::reader::Recording;
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Until everything is open and what is met for the first time has been met.
const WARM_UP: Duration = Duration::from_secs(15);

/// One of the two.
pub struct Side<'a> {
    /// What stands in the table.
    pub name: &'a str,
    /// The program.
    pub recorder: &'a Path,
    /// What it is told besides.
    pub arguments: &'a [&'a str],
}

/// What it cost.
pub struct Measured {
    /// Its threads, of one core.
    pub cpu_percent: f64,
    /// Its programs in the kernel, of one core.
    pub programs_percent: f64,
    rss_bytes: u64,
    /// Rows a second of tables of stacks, and bytes of each, where there are some.
    stacks: Option<(f64, f64)>,
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { cpu_percent, programs_percent, rss_bytes, stacks } = self;
        let rss = *rss_bytes as f64 / 1e6;
        write!(out, "{cpu_percent:.3} | {programs_percent:.3} | {rss:.1} | ")?;
        match stacks {
            Some((rows, bytes)) => write!(out, "{rows:.1} | {bytes:.1}"),
            None => write!(out, "- | -"),
        }
    }
}

/// What both cost, and a line for each peer that is here.
pub type Sides = ([Measured; 2], Vec<(&'static str, String)>);

/// Measures both for `span`, and `peers` beside them.
pub fn measure(
    sides: [&Side<'_>; 2],
    peers: &[Peer],
    span: Duration,
) -> Result<Sides, Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let dirs = ["a", "b"].map(|name| scratch.path().join(name));
    let [a, b] = [0, 1].map(|at| Recorder::start(sides[at], &dirs[at]));
    let recorders = [a?, b?];
    let mut running = Vec::new();
    for peer in peers {
        match peer.start(scratch.path()) {
            Ok(started) => running.push((peer.name, started)),
            Err(why) => eprintln!("pairs: {} is left out: {why}", peer.name),
        }
    }
    std::thread::sleep(WARM_UP);
    let costs = |at: usize| -> Result<(Cost, u64, Instant), Box<dyn Error>> {
        let pid = recorders[at].0.id();
        Ok((of_tree(pid)?, of_programs(pid)?, Instant::now()))
    };
    let before = [costs(0)?, costs(1)?];
    running.iter_mut().try_for_each(|(_, peer)| peer.begin())?;
    std::thread::sleep(span);
    let after = [costs(0)?, costs(1)?];
    let line = |(name, peer): &(&'static str, RunningPeer)| Ok((*name, shown(&peer.cost()?)));
    let lines: Result<_, Box<dyn Error>> = running.iter().map(line).collect();
    drop(running);
    drop(recorders);
    let of = |at: usize| -> Result<Measured, Box<dyn Error>> {
        let ((from, from_programs, begun), (to, to_programs, ended)) = (&before[at], &after[at]);
        let took_ns = ended.duration_since(*begun).as_nanos() as f64;
        Ok(Measured {
            cpu_percent: (to.cpu_ns - from.cpu_ns) as f64 / took_ns * 100.0,
            programs_percent: (to_programs - from_programs) as f64 / took_ns * 100.0,
            rss_bytes: to.rss_bytes,
            stacks: stacks(&dirs[at], WARM_UP + span)?,
        })
    };
    Ok(([of(0)?, of(1)?], lines?))
}

fn shown(cost: &PeerCost) -> String {
    let PeerCost { cpu_percent, programs_percent, rss_bytes, stored_bytes } = cost;
    let rss = *rss_bytes as f64 / 1e6;
    let stored = stored_bytes.map_or("-".to_owned(), |bytes| format!("{bytes:.0} bytes a second"));
    format!("{cpu_percent:.3} | {programs_percent:.3} | {rss:.1} | {stored} | -")
}

/// Rows a second and bytes a row of the tables of stacks.
fn stacks(dir: &Path, span: Duration) -> Result<Option<(f64, f64)>, Box<dyn Error>> {
    let tables = Recording::open(dir)?.tables()?;
    let of_stacks = || tables.iter().filter(|table| table.schema.name.starts_with("stack_"));
    let rows = of_stacks().map(|table| table.rows).sum::<u64>() as f64;
    let bytes = of_stacks().map(|table| table.size_bytes).sum::<u64>() as f64;
    Ok((rows > 0.0).then(|| (rows / span.as_secs_f64(), bytes / rows)))
}

/// A recorder; told to end when it is dropped, and reaped.
struct Recorder(Child);

impl Recorder {
    fn start(side: &Side<'_>, dir: &Path) -> Result<Recorder, Box<dyn Error>> {
        let mut command = Command::new(side.recorder);
        command.arg("run").arg("--dir").arg(dir).args(["--ring-size", "1GiB"]);
        command.args(side.arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        Ok(Recorder(started.map_err(|why| format!("{}: {why}", side.recorder.display()))?))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
