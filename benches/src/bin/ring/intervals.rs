//! How evenly 1 ms is kept: by the kernel's timer, and by a thread that reads `/proc`.

use crate::burn::Burn;
use crate::thread_cpu_ns;
use nodemon_recorder::ring::{Attached, Drain};
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(1);

/// What came of one sampler.
struct Kept {
    /// Between two samples, ns, in order of size.
    intervals_ns: Vec<u64>,
    missed: u64,
    /// CPU time of a sample, ns.
    cost_ns: f64,
}

impl Kept {
    fn print(&self, who: &str, load: &str) {
        let at = |part: f64| {
            let place = ((self.intervals_ns.len() - 1) as f64 * part) as usize;
            self.intervals_ns[place] as f64 / 1e6
        };
        println!(
            "| {who} | {load} | {:.3} | {:.3} | {:.3} | {:.3} | {} | {:.2} |",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            self.missed,
            self.cost_ns / 1e3,
        );
    }
}

/// Prints how both do, at the same time, idle and with every CPU busy.
pub fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    println!("Every CPU sampled each millisecond for {} s, by both at once:\n", span.as_secs());
    println!("| | the CPUs | p50, ms | p99 | p99.9 | max | missed | µs a sample |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for load in ["idle", "all busy"] {
        let burn = (load != "idle").then(Burn::start);
        let stop = AtomicBool::new(false);
        let (kernel, proc) = std::thread::scope(|scope| {
            let proc = scope.spawn(|| poll_proc(&stop));
            let kernel = drain_ring(span);
            stop.store(true, Ordering::Relaxed);
            (kernel, proc.join())
        });
        let (name, kernel) = kernel?;
        kernel.print(&format!("**nodemon**: {name}, CPU time in the kernel"), load);
        let proc = proc.map_err(|_| "the thread that reads /proc panicked")??;
        proc.print("`pread` of `/proc/stat` and `/proc/softirqs`, not parsed", load);
        drop(burn);
    }
    println!();
    Ok(())
}

fn drain_ring(span: Duration) -> Result<(&'static str, Kept), Box<dyn Error>> {
    let mut attached = match Attached::to_module() {
        Ok(attached) => attached,
        Err(_) => Attached::to_timer(INTERVAL.as_nanos() as u64, None)?,
    };
    let begun = Instant::now();
    let (mut times, mut missed, mut overrun) = (Vec::new(), 0, 0);
    while begun.elapsed() < span {
        std::thread::sleep(Duration::from_millis(100));
        attached.ring.drain(|sample| {
            times.push(sample.slot.monotonic_ns);
            missed += sample.missed;
            overrun += sample.overrun;
            Drain::On
        });
    }
    if overrun > 0 {
        return Err(format!("{overrun} samples were overrun in a drain every 100 ms").into());
    }
    let cost_ns = attached.ring.cost_ns() as f64 / attached.ring.written().max(1) as f64;
    Ok((attached.name, kept(&times, missed, cost_ns)?))
}

fn poll_proc(stop: &AtomicBool) -> Result<Kept, std::io::Error> {
    let files = [File::open("/proc/stat")?, File::open("/proc/softirqs")?];
    let mut buffer = vec![0; 64 << 10];
    let begun = Instant::now();
    let (mut times, mut missed) = (Vec::new(), 0);
    let cpu_ns = thread_cpu_ns();
    let mut due = INTERVAL;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        times.push(begun.elapsed().as_nanos() as u64);
        for file in &files {
            file.read_at(&mut buffer, 0)?;
        }
        due += INTERVAL;
        while due < begun.elapsed() {
            due += INTERVAL;
            missed += 1;
        }
    }
    let cost_ns = (thread_cpu_ns() - cpu_ns) as f64 / times.len().max(1) as f64;
    kept(&times, missed, cost_ns).map_err(std::io::Error::other)
}

fn kept(times: &[u64], missed: u64, cost_ns: f64) -> Result<Kept, String> {
    let mut intervals_ns: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if intervals_ns.is_empty() {
        return Err("there are no two samples".to_owned());
    }
    intervals_ns.sort_unstable();
    Ok(Kept { intervals_ns, missed, cost_ns })
}
