//! The recorder with its programs in the kernel, idle and under the load, beside the same load
//! without them.

use super::load::{CALLS, Load, PACKETS};
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measures it, and prints it.
pub fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    println!(
        "The whole recorder and its programs, {} s each; the load is {PACKETS} datagrams and {CALLS} \
         system calls a second over loopback:\n",
        span.as_secs()
    );
    println!(
        "| | recorder, % of a core | RSS, MB | load, % of a core |\n| --- | ---: | ---: | ---: |"
    );
    let all: &[&str] = &[];
    let without: &[&str] = &["--without", "ebpf"];
    let more: &[&str] = &["--source", "syscall", "--source", "syscall_latency"];
    for (what, is_loaded, arguments) in [
        ("idle, without programs", false, Some(without)),
        ("idle, every default source", false, Some(all)),
        ("the load alone", true, None),
        ("the load, recorder without programs", true, Some(without)),
        ("the load, every default source", true, Some(all)),
        ("the load, and system calls counted and timed as well", true, Some(more)),
    ] {
        let load = if is_loaded { Some(Load::start()?) } else { None };
        let scratch = tempfile::tempdir()?;
        let recorder = arguments.map(|arguments| start(scratch.path(), arguments)).transpose()?;
        std::thread::sleep(Duration::from_secs(10));
        let (begun, load_ns) = (Instant::now(), cpu_time_of(load.as_ref().map(Load::pid))?);
        let recorder_ns = cpu_time_of(recorder.as_ref().map(|child| child.0.id()))?;
        std::thread::sleep(span);
        let took_ns = begun.elapsed().as_nanos() as f64;
        let percent = |before: Option<u64>, after: Option<u64>| match (before, after) {
            (Some(before), Some(after)) => {
                format!("{:.3}", (after - before) as f64 / took_ns * 100.0)
            }
            _ => "-".to_owned(),
        };
        let of_load = percent(load_ns, cpu_time_of(load.as_ref().map(Load::pid))?);
        let of_recorder =
            percent(recorder_ns, cpu_time_of(recorder.as_ref().map(|child| child.0.id()))?);
        let rss = match &recorder {
            Some(child) => format!("{:.1}", rss_kb(child.0.id())? as f64 / 1e3),
            None => "-".to_owned(),
        };
        println!("| {what} | {of_recorder} | {rss} | {of_load} |");
    }
    println!();
    println!("What the programs take while the load runs is time of the load.\n");
    start_up()
}

/// From the start of the process until every source runs.
fn start_up() -> Result<(), Box<dyn Error>> {
    for (what, arguments) in
        [("every default source", &[][..]), ("without programs", &["--without", "ebpf"])]
    {
        let mut times = Vec::new();
        for _ in 0..5 {
            let scratch = tempfile::tempdir()?;
            let log = scratch.path().join("log");
            let mut command =
                Command::new(std::env::current_exe()?.with_file_name("nodemon-recorder"));
            command.arg("run").arg("--dir").arg(scratch.path().join("r")).args(arguments);
            command.args(["--ring-size", "256MiB"]).stderr(std::fs::File::create(&log)?);
            let begun = Instant::now();
            let child = Ended(command.spawn()?);
            while !std::fs::read_to_string(&log)?.contains("recording ") {
                if begun.elapsed() > Duration::from_secs(30) {
                    return Err("the recorder does not start".into());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            times.push(begun.elapsed());
            drop(child);
        }
        times.sort();
        println!(
            "Start-up until every source runs, {what}: {:.0} ms.",
            times[2].as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn start(scratch: &Path, arguments: &[&str]) -> Result<Ended, Box<dyn Error>> {
    let program = std::env::current_exe()?.with_file_name("nodemon-recorder");
    let mut command = Command::new(&program);
    command.arg("run").arg("--dir").arg(scratch.join("recording")).args(["--ring-size", "1GiB"]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Ended(command.spawn().map_err(|why| format!("{}: {why}", program.display()))?))
}

/// Told to end when dropped, and reaped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// CPU time of all threads of a process so far, ns, by `schedstat`.
fn cpu_time_of(pid: Option<u32>) -> Result<Option<u64>, Box<dyn Error>> {
    let Some(pid) = pid else { return Ok(None) };
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Some(sum))
}

fn rss_kb(pid: u32) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}
