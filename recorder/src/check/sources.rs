//! Every source: opened, sampled once, and asked what it lacks.

use super::{Finding, Verdict};
use crate::actor::{Opening, Supervisor};
use crate::config::{Catalogue, Config, Entry, exact_duration};
use crate::source::{Context, Sink};

/// How each source of the catalogue does.
pub fn findings(config: &Config, catalogue: &Catalogue, context: &Context) -> Vec<Finding> {
    catalogue.entries.iter().map(|entry| finding(config, entry, context)).collect()
}

fn finding(config: &Config, entry: &Entry, context: &Context) -> Finding {
    let descriptor = entry.descriptor;
    let mut sink = Sink::new(&entry.tables);
    let opening = Supervisor::new(descriptor, context.clone()).open(&mut sink);
    let (verdict, mut notes) = match opening {
        Opening::Ready(limits) if limits.is_empty() => (Verdict::Yes, limits),
        Opening::Ready(limits) => (Verdict::Partly, limits),
        Opening::Unavailable(why) => (Verdict::No, vec![why]),
        Opening::Failed(failure) => (Verdict::No, vec![failure.error]),
    };
    let plan = config.sources.iter().find(|plan| plan.descriptor.name == descriptor.name);
    let cadence = match plan {
        Some(plan) => format!("every {}", exact_duration(plan.interval)),
        None => {
            notes.push(format!("switched off; --source {} switches it on", descriptor.name));
            "off".to_owned()
        }
    };
    let tables = entry.table_names().join(", ");
    Finding {
        subject: descriptor.name.to_owned(),
        verdict,
        what: format!("{cadence:9} {} -> {tables}", descriptor.reads),
        notes,
    }
}
