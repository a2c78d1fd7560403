//! What programs in the kernel cost, as the kernel measures it.

use crate::source::{Context, Descriptor, Nature, Sink, Source, SourceError};
use nodemon_formats::{ColumnType, Schema, schema::unit};
use nodemon_recorder_ebpf::load::{RunningProgram, Statistics};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The source of the table `ebpf_program`. While it runs the kernel takes the time of every eBPF
/// program, which costs some 30 ns each time that one runs; so it is off unless it is asked for.
pub const PROGRAMS: Descriptor = Descriptor {
    name: "ebpf_program",
    reads: "statistics of the kernel",
    default_interval: Duration::from_secs(10),
    default_on: false,
    nature: Nature::Read,
    tables: &|| vec![schema()],
    open: &|context| Ok(Box::new(Cost::open(context)?)),
};

/// The programs of this recorder that run in the kernel.
#[derive(Debug, Default)]
pub struct Programs {
    entries: Mutex<Vec<Arc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    feature: &'static str,
    program: RunningProgram,
}

/// Programs that are known as long as this lives.
#[derive(Debug)]
pub struct Registered {
    of: Arc<Programs>,
    entries: Vec<Arc<Entry>>,
}

impl Programs {
    /// Makes the programs of a feature known.
    pub fn register(
        self: &Arc<Programs>,
        name: &'static str,
        all: &[RunningProgram],
    ) -> Registered {
        let entry = |program: &RunningProgram| {
            let program = program.try_clone()?;
            Some(Arc::new(Entry { feature: name, program }))
        };
        let entries: Vec<Arc<Entry>> = all.iter().filter_map(entry).collect();
        let mut known = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(entries.iter().cloned());
        Registered { of: self.clone(), entries }
    }

    /// Does something with the feature, the name and the cost of each.
    pub fn each(&self, mut one: impl FnMut(&'static str, &'static str, u64, u64)) {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.iter() {
            if let Some((runs, run_ns)) = entry.program.cost() {
                one(entry.feature, entry.program.name, runs, run_ns);
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut known = self.of.entries.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|entry| !self.entries.iter().any(|own| Arc::ptr_eq(own, entry)));
    }
}

fn schema() -> Schema {
    Schema::sample(
        "ebpf_program",
        "/proc/self/fdinfo, BPF_ENABLE_STATS",
        "What each eBPF program of the recorder costs, as the kernel measures it while this source \
         runs.",
    )
    .key("feature", ColumnType::String, "the source that it belongs to")
    .key("program", ColumnType::String, "its name")
    .counter("runs", unit::COUNT, "times that it ran")
    .counter("run_ns", unit::NS, "time that it ran for")
}

struct Cost {
    programs: Arc<Programs>,
    _statistics: Statistics,
}

impl Cost {
    fn open(context: &Context) -> Result<Cost, SourceError> {
        let statistics = Statistics::enable().map_err(|why| SourceError::Unavailable {
            what: "the kernel's statistics of eBPF programs".to_owned(),
            why: why.to_string(),
        })?;
        Ok(Cost { programs: context.programs.clone(), _statistics: statistics })
    }
}

impl Source for Cost {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        self.programs.each(|feature, program, runs, run_ns| {
            table.instance(|key| {
                key.str(feature);
                key.str(program);
            });
            table.u64(runs);
            table.u64(run_ns);
        });
        table.end_sample();
        Ok(())
    }
}
