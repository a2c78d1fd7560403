//! What one event costs in each program, by the kernel's own statistics.

use super::load::Load;
use nodemon_recorder_ebpf::feature::FEATURES;
use nodemon_recorder_ebpf::load::{KernelTypes, Running, Settings, Statistics};
use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs that say something.
const LEAST_RUNS: u64 = 100;

/// Measures it, and prints it.
pub fn measure(span: Duration) -> Result<(), Box<dyn Error>> {
    println!(
        "Each program, by the kernel's statistics (BPF_ENABLE_STATS), under the load below and \
              some processes that come and go:\n"
    );
    println!("| source | program | runs a second | ns a run |\n| --- | --- | ---: | ---: |");
    let settings = Settings::here()?;
    let types = KernelTypes::get()?;
    let running: Vec<(&str, Running)> = FEATURES
        .iter()
        .filter_map(|feature| Some((feature.name, Running::start(feature, &settings).ok()?)))
        .collect();
    drop(types);
    let _statistics = Statistics::enable()?;
    let _load = Load::start()?;
    let costs = || -> Vec<(u64, u64)> {
        let programs = running.iter().flat_map(|(_, running)| running.programs());
        programs.map(|program| program.cost().unwrap_or_default()).collect()
    };
    std::thread::sleep(Duration::from_secs(1));
    let (before, begun) = (costs(), Instant::now());
    while begun.elapsed() < span {
        Command::new("true").status()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    let (after, took) = (costs(), begun.elapsed().as_secs_f64());
    let names = running
        .iter()
        .flat_map(|(feature, running)| running.programs().iter().map(move |p| (feature, p.name)));
    for ((feature, name), (before, after)) in names.zip(before.iter().zip(&after)) {
        let (runs, ns) = (after.0 - before.0, after.1 - before.1);
        if runs >= LEAST_RUNS {
            println!("| {feature} | {name} | {:.0} | {} |", runs as f64 / took, ns / runs);
        }
    }
    println!();
    Ok(())
}
