//! Every process: what it is, what it used, what it waits for.
//!
//! # Who reads it
//!
//! An iterator in the kernel ([`iterated`]) where it takes one, else the recorder reads `/proc`
//! ([`polled`]), which costs more and knows a little less. CPU time of a sample, taken once a second
//! on two CPUs that compilers kept busy, in the median:
//!
//! | processes, most of them asleep | the iterator | `/proc` | everything in `/proc`, as its first sample |
//! | --- | --- | --- | --- |
//! | 200 | 0.53 ms | 1.96 ms | 12 to 17 ms |
//! | 1,100 | 1.48 ms | 4.79 ms | 58 to 68 ms |
//!
//! Of the iterator's 1.3 µs a process, 0.7 are the kernel's walk: two thirds of that is memory that
//! is not in the caches after a second, which no program can do anything about. The rest is the row.
//!
//! # What can block
//!
//! Two files of another process can: see [`asker`]. They are read by helper threads, and a process
//! that holds one up is a gap with its name; its row and those of all others keep coming. Nothing
//! else that is read takes a lock that user space can hold.

mod asker;
mod cpu_clock;
mod family;
mod files;
mod io;
mod iterated;
mod membership;
mod pids;
mod polled;
mod scheduling;
mod stat;
mod status;
mod table;
mod taskstats;
#[cfg(test)]
mod tests;
mod title;
mod tracked;

use crate::kernel_files::text::{Fields, lines};
use crate::source::{Context, Descriptor, Feed, Opened, SourceError, SourceKind};
use iterated::Iterated;
use polled::Polled;
use std::path::Path;
use std::time::Duration;

/// The source of the table `process`.
pub const SOURCE: Descriptor = Descriptor {
    name: "process",
    reads: "an eBPF iterator, or /proc/PID",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::KernelSampled { keys: KEYS },
    tables: &table::described,
    described: None,
    open: &open,
};

/// Its own key, as the documented configuration has it.
const KEYS: &str = "\
# What reads the processes: \"ebpf\" (an iterator in the kernel) or \"proc\". Without this key the
# first of them that there is. For example: feed = \"proc\"
";

/// So many processes are recorded, those with the lowest pids; memory must stay bounded.
const MAX_PROCESSES: usize = 16_384;

fn open(context: &Context) -> Opened {
    let unavailable = |what: &str, why| SourceError::Unavailable { what: what.to_owned(), why };
    match context.asked.feed {
        Some(Feed::Module) => {
            let why = "it samples CPUs and no processes: feed is ebpf or proc here";
            Err(unavailable("a table of processes from the kernel module", why.to_owned()))
        }
        Some(Feed::Proc) => Ok(Box::new(Polled::open(context, Vec::new())?)),
        Some(Feed::Ebpf) => match Iterated::open(context)? {
            Ok(source) => Ok(Box::new(source)),
            Err(why) => Err(unavailable("an eBPF iterator over processes", why)),
        },
        None => match Iterated::open(context)? {
            Ok(source) => Ok(Box::new(source)),
            Err(why) => {
                let why_not = vec![format!("not from an eBPF iterator: {why}")];
                Ok(Box::new(Polled::open(context, why_not)?))
            }
        },
    }
}

/// Whether the pids in the procfs at `root` are those that this process knows: it lists the pid of
/// its reader in its own namespace first, then in those within.
fn is_our_pid_namespace(root: &Path) -> bool {
    let Ok(status) = std::fs::read(root.join("self/status")) else { return false };
    lines(&status).find_map(|line| line.strip_prefix(b"NSpid:")).is_some_and(|pids| {
        let mut pids = Fields::new(pids);
        pids.u64() == Some(std::process::id().into()) && pids.word().is_none()
    })
}

/// Says that processes are beyond the limit.
fn left_out(count: usize) -> String {
    format!(
        "{count} processes are left out: at most {MAX_PROCESSES} are recorded, those with the \
         lowest pids"
    )
}
