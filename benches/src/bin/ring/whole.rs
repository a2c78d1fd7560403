//! What the recorder as a whole costs while it records every CPU each millisecond.

use nodemon_formats::reader::Recording;
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs `nodemon-recorder` for `span` and prints what it took.
pub fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    println!("The recorder, every CPU each millisecond, {} s:\n", span.as_secs());
    println!("| | CPU, % of a core | RSS, MB | values a second | kB a second | bytes a value |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (what, arguments) in [
        ("the kernel's ring alone", &["--only", "cpus"][..]),
        ("with every other default source at its own cadence", &["--without", "ebpf"]),
        ("and with the programs in the kernel", &[]),
    ] {
        let dir = scratch.path().join(arguments.len().to_string());
        let program = std::env::current_exe()?.with_file_name("nodemon-recorder");
        let mut command = Command::new(&program);
        command.arg("run").arg("--dir").arg(&dir).args(["--ring-size", "1GiB"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|why| format!("{}: {why}", program.display()))?;
        let mut child = Killed(child);
        std::thread::sleep(Duration::from_secs(5));
        let (begun, before_ns) = (Instant::now(), cpu_ns(child.0.id())?);
        std::thread::sleep(span);
        let (took, after_ns) = (begun.elapsed(), cpu_ns(child.0.id())?);
        let rss_kb = status_field(child.0.id(), "VmRSS:")?;
        if let Some(pid) = i32::try_from(child.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        child.0.wait()?;
        let recording = Recording::open(&dir)?;
        let (mut values, mut bytes, mut seconds) = (0, 0, 0.0);
        for table in recording.tables()? {
            if matches!(table.schema.name.as_str(), "cpu" | "softirq") {
                let instances = std::thread::available_parallelism().map_or(1, usize::from);
                values += table.rows * (instances * table.schema.row_width()) as u64;
                bytes += table.size_bytes;
                seconds = (table.span.1 - table.span.0) as f64 / 1e9;
            }
        }
        println!(
            "| {what} | {:.3} | {:.1} | {:.0} | {:.2} | {:.3} |",
            (after_ns - before_ns) as f64 / took.as_nanos() as f64 * 100.0,
            rss_kb as f64 / 1e3,
            values as f64 / seconds,
            bytes as f64 / 1e3 / seconds,
            bytes as f64 / values as f64,
        );
    }
    println!("\nValues and bytes are those of the tables `cpu` and `softirq`.\n");
    Ok(())
}

/// Killed and reaped when dropped, should it still run.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of all threads of a process so far, ns, by `schedstat`.
fn cpu_ns(pid: u32) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(sum)
}

fn status_field(pid: u32, name: &str) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such field")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}
