//! Measures the timer on this machine: pace, cost and memory, at rest and with every CPU busy.
//!
//! `cargo run --release -p nodemon-recorder-ebpf --example measure [SECONDS] [INTERVAL_US]`

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../tests/timer/layout.rs"]
mod layout;
#[allow(dead_code)]
#[path = "../tests/timer/proc.rs"]
mod proc;
#[allow(dead_code)]
#[path = "../tests/timer/ring.rs"]
mod ring;

use layout::header;
use nodemon_recorder_ebpf::timer::{TimerError, TimerOptions, TimerRing};
use ring::Ring;
use std::time::{Duration, Instant};

fn main() -> Result<(), TimerError> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let seconds = arguments.next().unwrap_or(20);
    let interval_ns = arguments.next().unwrap_or(1000) * 1000;
    let before = resident_kib();
    let begin = Instant::now();
    let timer = TimerRing::start(&TimerOptions { interval_ns, slots: 4096, cpu: Some(0) })?;
    let took = begin.elapsed();
    println!("start: {took:.1?}, RSS {before} KiB before, {} KiB after", resident_kib());
    let ring = Ring::map(&timer);
    println!(
        "ring: {} bytes, {} CPUs, tick {} ns, idle by {} ns",
        timer.len_bytes(),
        ring.cpus,
        ring.header_u32(header::TICK_NS),
        ring.header_u32(header::IDLE_QUANTUM_NS)
    );
    measure(&ring, "at rest", 0, seconds);
    measure(&ring, "all CPUs busy", ring.cpus, seconds);
    Ok(())
}

fn measure(ring: &Ring, what: &str, busy: usize, seconds: u64) {
    let load = proc::Load::of(busy);
    let before = [header::WRITTEN, header::MISSED, header::COST_NS].map(|at| ring.header_u64(at));
    let samples = ring.collect(Duration::from_secs(seconds));
    let after = [header::WRITTEN, header::MISSED, header::COST_NS].map(|at| ring.header_u64(at));
    drop(load);
    let mut apart: Vec<u64> =
        samples.windows(2).map(|two| two[1].monotonic_ns - two[0].monotonic_ns).collect();
    apart.sort_unstable();
    let mut cost: Vec<u32> = samples.iter().map(|sample| sample.cost_ns).collect();
    cost.sort_unstable();
    let at = |part: f64| (apart.len() as f64 * part) as usize;
    let [written, missed, cost_ns] = std::array::from_fn(|n| after[n] - before[n]);
    println!(
        "{what}: interval p50 {} p99 {} p99.9 {} max {} ns; {missed} missed of {}; {} ns a sample \
         (p10 {} p50 {} p99 {})",
        apart[at(0.5)],
        apart[at(0.99)],
        apart[at(0.999)],
        apart[apart.len() - 1],
        written + missed,
        cost_ns / written,
        cost[cost.len() / 10],
        cost[cost.len() / 2],
        cost[cost.len() * 99 / 100],
    );
    read_cost(ring);
}

/// What copying a sample out of the ring takes.
fn read_cost(ring: &Ring) {
    let last = ring.written() - 1;
    let begin = Instant::now();
    let whole = (0..2000).filter(|back| ring.sample(last - back).is_some()).count();
    println!("  {whole} samples copied, {:?} each", begin.elapsed() / 2000);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
