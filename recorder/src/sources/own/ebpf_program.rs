//! What programs in the kernel cost, as the kernel measures it.

use crate::programs::Programs;
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::{ColumnType, Schema, schema::unit};
use nodemon_recorder_ebpf::load::Statistics;
use std::sync::Arc;
use std::time::Duration;

/// The source of the table `ebpf_program`. While it runs the kernel takes the time of every eBPF
/// program, which costs some 30 ns each time that one runs; so it is off unless it is asked for.
pub const SOURCE: Descriptor = Descriptor {
    name: "ebpf_program",
    reads: "statistics of the kernel",
    default_interval: Duration::from_secs(10),
    default_on: false,
    kind: SourceKind::Polled,
    tables: &|| vec![schema()],
    described: None,
    open: &|context| Ok(Box::new(Cost::open(context)?)),
};

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
