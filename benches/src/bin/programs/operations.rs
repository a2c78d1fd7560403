//! What whole operations take more with a feature that watches them: the programs, the way into
//! them and out, and what they push out of the caches.

use super::subjects::{SUBJECTS, Subject};
use nodemon_recorder_ebpf::feature::{FEATURES, Feature};
use nodemon_recorder_ebpf::load::{KernelTypes, Running, Settings};
use std::error::Error;
use std::time::Instant;

/// Times that each is measured without and with the feature, in turn.
const TURNS: usize = 5;
/// How often the operation is timed in a turn, and how often it is done each time. The best
/// counts: nobody else ran then.
const TRIES: usize = 60;
const TIMES: u32 = 1000;

/// Measures it, and prints it.
pub fn measure() -> Result<(), Box<dyn Error>> {
    println!(
        "Whole operations, without a feature and with it, the best of {} times:\n",
        TRIES * TURNS
    );
    println!(
        "| operation | source | ns without | ns more | budget |\n| --- | --- | ---: | ---: | ---: |"
    );
    let _types = KernelTypes::get()?;
    for subject in SUBJECTS {
        for (name, budget_ns) in subject.features {
            let feature = feature(name)?;
            let cell = match added_ns(subject, feature) {
                Ok((without, more)) => format!("{without:.0} | {more:+.0}"),
                Err(why) => format!("- | {why}"),
            };
            let budget = budget_ns.map_or("-".to_owned(), |ns| ns.to_string());
            println!("| {} | {name} | {cell} | {budget} |", subject.name);
        }
    }
    println!();
    Ok(())
}

fn feature(name: &str) -> Result<&'static Feature, Box<dyn Error>> {
    let found = FEATURES.iter().find(|feature| feature.name == name);
    Ok(*found.ok_or_else(|| format!("there is no feature {name}"))?)
}

/// What it takes without the feature, and how much more with it.
fn added_ns(subject: &Subject, feature: &'static Feature) -> Result<(f64, f64), Box<dyn Error>> {
    let settings = Settings { events_per_s: u64::MAX, ..Settings::here()? };
    let mut operation = (subject.prepare)()?;
    let (mut without, mut with) = (f64::MAX, f64::MAX);
    for _ in 0..TURNS {
        without = without.min(best_ns(&mut *operation, || Ok(()))?);
        let mut running = Running::start(feature, &settings)?;
        // Rings are emptied in between, so that none is ever full.
        let took = best_ns(&mut *operation, || {
            let events = feature.tables.iter().zip(running.readers());
            events.filter(|(table, _)| table.is_of_events()).try_for_each(|(_, r)| r.rows(|_| ()))
        })?;
        with = with.min(took);
        let lost = running.take_losses();
        if lost.ring_full > 0 {
            return Err(format!("{} rows had no room", lost.ring_full).into());
        }
    }
    Ok((without, with - without))
}

fn best_ns(
    operation: &mut dyn FnMut() -> std::io::Result<()>,
    mut between: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..TRIES {
        let begun = Instant::now();
        for _ in 0..TIMES {
            operation()?;
        }
        best = best.min(begun.elapsed().as_nanos() as f64 / f64::from(TIMES));
        between()?;
    }
    Ok(best)
}
