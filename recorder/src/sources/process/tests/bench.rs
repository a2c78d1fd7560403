//! What a sample costs: `cargo test --release -- --ignored --nocapture process::tests::bench`.

use super::{SOURCE, fed_by, feeds};
use crate::source::Sink;
use rustix::time::{ClockId, clock_gettime};
use std::process::{Child, Command};
use std::time::Duration;

const SAMPLES: usize = 12;

fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// CPU time of a sample that is put into a record, and of that of the source alone, µs.
#[test]
#[ignore = "takes a minute, and says nothing but figures"]
fn what_a_sample_costs_with_many_processes() {
    for count in [100, 1000] {
        let mut sleeping: Vec<Child> =
            (0..count).map(|_| Command::new("sleep").arg("1000").spawn().unwrap()).collect();
        std::thread::sleep(Duration::from_secs(1));
        for feed in feeds() {
            for every in [Duration::ZERO, Duration::from_secs(1)] {
                let mut source = (SOURCE.open)(&fed_by(feed)).unwrap();
                let mut sink = Sink::new(&(SOURCE.tables)());
                let mut record = rkyv::util::AlignedVec::new();
                let mut costs = Vec::new();
                for _ in 0..SAMPLES {
                    std::thread::sleep(every);
                    let begun_us = cpu_us();
                    source.sample(&mut sink).unwrap();
                    costs.push((cpu_us() - begun_us) as u64);
                    sink.table(0).finish(0, &mut record).unwrap();
                }
                let first = costs.remove(0);
                costs.sort_unstable();
                let (least, median) = (costs[0], costs[costs.len() / 2]);
                println!(
                    "{count} sleeping, {feed:?} every {every:?}: first {first} µs, then {least} at \
                     least, {median} in the median"
                );
            }
        }
        for child in &mut sleeping {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
