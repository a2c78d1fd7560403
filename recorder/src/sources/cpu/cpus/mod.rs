//! What every CPU spends its time on, and the softirqs that it serves, every millisecond.
//!
//! The kernel samples and this source drains what it sampled a few times a second: out of the ring
//! of the kernel module, else out of that of an eBPF timer. Where there is neither it reads
//! `/proc`, as often as that costs no more than it may. At intervals of 100 ms and more it reads
//! `/proc` anyway: nothing in the kernel has to wake for that.

mod polled;
mod ring;
mod softirqs;
mod stat;
mod tables;
#[cfg(test)]
mod tests;

use crate::source::{Context, Descriptor, Feed, SLOW_FROM_NS, Source, SourceError, SourceKind};
use nodemon_formats::Schema;
use std::time::Duration;

/// The source of the tables `cpu` and `softirq`.
pub const SOURCE: Descriptor = Descriptor {
    name: "cpus",
    reads: "/dev/nodemon, an eBPF timer, or /proc/stat and /proc/softirqs",
    default_interval: Duration::from_millis(1),
    default_on: true,
    kind: SourceKind::KernelSampled { keys: KEYS },
    tables: &tables,
    described: None,
    open: &open,
};

/// Its own keys, as the documented configuration has them.
const KEYS: &str = "\
# What samples: \"module\" (nodemon.ko), \"ebpf\" (a timer in the kernel) or \"proc\". Without this
# key the best that there is, in this order; from 100ms on /proc.
# For example: feed = \"ebpf\"
# How often to take over what the kernel has sampled: without this key every 250ms, or more often
# where its ring is small. For example: drain = \"100ms\"
";

/// The tables with every column that some way of feeding them has.
fn tables() -> Vec<Schema> {
    tables::described()
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let wanted = context.asked.feed;
    if wanted == Some(Feed::Proc) || wanted.is_none() && context.asked.interval_ns() >= SLOW_FROM_NS
    {
        return Ok(Box::new(polled::Polled::open(context, Vec::new())?));
    }
    // Why it is not fed by something better.
    let mut why_not = Vec::new();
    for feed in [Feed::Module, Feed::Ebpf] {
        if wanted.is_some_and(|wanted| wanted != feed) {
            continue;
        }
        match ring::Ringed::open(context, feed, why_not.clone()) {
            Ok(source) => return Ok(Box::new(source)),
            Err(why) => why_not.push(format!("not from {}: {why}", feed.phrase())),
        }
    }
    match wanted {
        Some(feed) => Err(SourceError::Unavailable {
            what: feed.phrase().to_owned(),
            why: why_not.join("; "),
        }),
        None => Ok(Box::new(polled::Polled::open(context, why_not)?)),
    }
}
