//! `check --cost`: what the programs in the kernel cost on this machine, under the load that it has.

use crate::actor::{Opening, Supervisor};
use crate::config::Config;
use crate::source::{Context, Sink};
use nodemon_recorder_ebpf::FeatureError;
use nodemon_recorder_ebpf::load::{KernelTypes, Statistics};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// What each program did while it was watched.
pub struct Costs {
    took: Duration,
    programs: BTreeMap<(&'static str, &'static str), (u64, u64)>,
}

impl Costs {
    /// Runs every source of eBPF programs that `config` has, for so long, and has the kernel take
    /// their time.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn measure(config: &Config, duration: Duration) -> Result<Costs, FeatureError> {
        let context = Context { recording: config.directory.clone(), ..Context::default() };
        let types = KernelTypes::get()?;
        let mut running = Vec::new();
        for plan in &config.sources {
            if !plan.descriptor.kind.is_ebpf() {
                continue;
            }
            let schemas: Vec<_> = plan.tables.iter().map(|(schema, _)| schema.clone()).collect();
            let context = Context { asked: plan.asked.clone(), ..context.clone() };
            let mut supervisor = Supervisor::new(plan.descriptor, context);
            if let Opening::Ready(_) = supervisor.open(&mut Sink::new(&schemas)) {
                running.push(supervisor);
            }
        }
        drop(types);
        let _statistics = Statistics::enable()?;
        let programs = |costs: &mut BTreeMap<_, _>| {
            context.programs.each(|feature, program, runs, run_ns| {
                costs.insert((feature, program), (runs, run_ns));
            });
        };
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        let begun = Instant::now();
        programs(&mut before);
        std::thread::sleep(duration);
        programs(&mut after);
        let took = begun.elapsed();
        for (key, (runs, run_ns)) in &mut after {
            let (runs_before, ns_before) = before.get(key).copied().unwrap_or_default();
            *runs = runs.saturating_sub(runs_before);
            *run_ns = run_ns.saturating_sub(ns_before);
        }
        drop(running);
        Ok(Costs { took, programs: after })
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let width = |of: fn(&(&str, &str)) -> usize| {
            self.programs.keys().map(|key| of(&(key.0, key.1))).max().unwrap_or(0)
        };
        let (features, programs) = (width(|key| key.0.len()), width(|key| key.1.len()));
        writeln!(
            f,
            "\neBPF programs, over {seconds:.1} s, under the current load of this machine"
        )?;
        writeln!(
            f,
            "  {:features$}  {:programs$}  {:>10}  {:>8}  {:>8}",
            "source", "program", "runs/s", "ns/run", "% of CPU"
        )?;
        let mut all_ns = 0;
        for ((feature, program), (runs, run_ns)) in &self.programs {
            all_ns += run_ns;
            let each = run_ns.checked_div(*runs).map_or("-".to_owned(), |each| each.to_string());
            writeln!(
                f,
                "  {feature:features$}  {program:programs$}  {:10.0}  {each:>8}  {:8.3}",
                *runs as f64 / seconds,
                *run_ns as f64 / seconds / 1e7,
            )?;
        }
        let all = all_ns as f64 / seconds / 1e7;
        writeln!(
            f,
            "\nAll of them: {all:.3} % of one CPU. What the kernel takes to enter them, and to \
                     take their time, is not in it."
        )
    }
}
