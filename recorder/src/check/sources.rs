//! Every source: opened, sampled once, and asked what it lacks.

use super::{Finding, Verdict};
use crate::actor::{Opening, Ready, Supervisor};
use crate::config::{Catalogue, Config, Entry};
use crate::source::{Asked, Context, Sink};
use nodemon_formats::TableKind;
use nodemon_formats::units::exact_duration;
use nodemon_recorder_ebpf::load::KernelTypes;
use std::time::Duration;

/// How each source of the catalogue does.
pub fn findings(config: &Config, catalogue: &Catalogue, context: &Context) -> Vec<Finding> {
    // Read once for all features of eBPF; where that fails each of them says why.
    let _types = KernelTypes::get();
    catalogue.entries.iter().map(|entry| finding(config, entry, context)).collect()
}

fn finding(config: &Config, entry: &Entry, context: &Context) -> Finding {
    let descriptor = entry.descriptor;
    let mut sink = Sink::new(&entry.tables);
    let plan = config.sources.iter().find(|plan| plan.descriptor.name == descriptor.name);
    let asked = plan.map_or(Asked::every(descriptor.default_interval), |plan| plan.asked.clone());
    let mut interval = asked.interval;
    let context = Context { asked, ..context.clone() };
    let opening = Supervisor::new(descriptor, context).open(&mut sink);
    let mut from = descriptor.reads.to_owned();
    let (verdict, mut notes) = match opening {
        Opening::Ready(Ready { limits, details, feeding }) => {
            if descriptor.kind.is_kernel_sampled()
                && let Some(table) = feeding.as_ref().and_then(|feeding| feeding.tables.first())
            {
                // Why it is no better follows, as it does among the limits.
                interval = Duration::from_nanos(table.interval_ns);
                from = table.source.split("; ").next().unwrap_or_default().to_owned();
            }
            let verdict = if limits.is_empty() { Verdict::Yes } else { Verdict::Partly };
            (verdict, [details, limits].concat())
        }
        Opening::Unavailable(why) => (Verdict::No, vec![why]),
        Opening::Failed(failure) => (Verdict::No, vec![failure.error]),
    };
    let cadence = match plan {
        Some(_) if entry.tables.iter().all(|table| table.kind == TableKind::Event) => {
            "events".to_owned()
        }
        Some(_) => format!("every {}", exact_duration(interval)),
        None => {
            notes.push(format!("switched off; --source {} switches it on", descriptor.name));
            "off".to_owned()
        }
    };
    let tables = entry.table_names().join(", ");
    Finding {
        subject: descriptor.name.to_owned(),
        verdict,
        what: format!("{cadence:9} {from} -> {tables}"),
        notes,
    }
}
