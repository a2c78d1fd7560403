//! The recorder itself: what it costs.

mod rusage;

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::Fields;
use crate::overhead::{Overhead, WriterOverhead};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The source of the tables `recorder` and `recorder_source`.
pub const SOURCE: Descriptor = Descriptor {
    name: "recorder",
    reads: "getrusage, /proc/self/stat",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &|| vec![whole(), sources()],
    described: None,
    open: &open,
};

fn whole() -> Schema {
    const READS: &str = "getrusage, /proc/self/stat, the recorder's own counts";
    let doc = "What the recorder costs, all of its threads together, since it was started.";
    Schema::sample("recorder", READS, doc)
        .counter("user_ns", unit::NS, "CPU time in its own code")
        .counter("system_ns", unit::NS, "CPU time in the kernel on its behalf")
        .counter("voluntary_switches", unit::COUNT, "times that a thread waited: its wakes")
        .counter("involuntary_switches", unit::COUNT, "times that a thread had to make way")
        .counter("minor_faults", unit::COUNT, "page faults without I/O")
        .counter("major_faults", unit::COUNT, "page faults that waited for I/O")
        .gauge("threads", ColumnType::U64, unit::COUNT, "threads")
        .gauge("rss_bytes", ColumnType::U64, unit::BYTES, "resident memory")
        .counter("commits", unit::COUNT, "commits to disk")
        .counter("failed_commits", unit::COUNT, "commits that the disk refused")
        .counter("commit_ns", unit::NS, "time spent in commits")
        .gauge(
            "commit_max_ns",
            ColumnType::U64,
            unit::NS,
            "the longest commit since the sample before; 0 when there was none",
        )
        .counter("written_bytes", unit::BYTES, "written to disk, blocks and journal")
        .counter("blocks", unit::COUNT, "blocks sealed")
        .counter("samples_in", unit::COUNT, "samples that reached the writer")
        .counter("samples_stored", unit::COUNT, "samples that are durable")
        .counter("samples_lost", unit::COUNT, "samples that the writer counted into gaps")
        .counter("evicted_segments", unit::COUNT, "segments deleted to make room")
        .gauge("queue_bytes", ColumnType::U64, unit::BYTES, "records that wait for the writer")
        .gauge(
            "queue_max_bytes",
            ColumnType::U64,
            unit::BYTES,
            "the most that waited since the sample before",
        )
        .counter("dropped_records", unit::COUNT, "records dropped because the queue was full")
}

fn sources() -> Schema {
    let doc = "What each source of the recorder did, and what it costs, since it was started.";
    Schema::sample("recorder_source", "the recorder's own counts", doc)
        .key("source", ColumnType::String, "the source")
        .counter("samples", unit::COUNT, "samples taken")
        .counter("errors", unit::COUNT, "samples and openings that failed")
        .counter("dropped_samples", unit::COUNT, "samples dropped because the queue was full")
        .counter("late_ticks", unit::COUNT, "sampling deadlines missed")
        .counter("sampling_ns", unit::NS, "time spent sampling")
        .gauge("last_ns", ColumnType::U64, unit::NS, "how long the last sample took")
        .gauge(
            "stuck_ns",
            ColumnType::U64,
            unit::NS,
            "for how long it has not come back from a call that timed out; 0 when it has",
        )
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let stat = ProcFile::open(context.proc.join("self/stat"), Rendering::Whole)?;
    let page_bytes = rustix::param::page_size() as u64;
    Ok(Box::new(Recorder { stat, page_bytes, overhead: context.overhead.clone() }))
}

struct Recorder {
    stat: ProcFile,
    page_bytes: u64,
    overhead: Arc<Overhead>,
}

impl Source for Recorder {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let stat = SelfStat::parse(self.stat.read()?);
        let stat =
            stat.ok_or_else(|| SourceError::parse(Path::new("/proc/self/stat"), "too few fields"))?;
        let usage = rusage::usage();
        let time_ns = sink.time_ns();
        let table = sink.table(0);
        table.begin_sample(time_ns);
        table.u64(usage.user_ns);
        table.u64(usage.system_ns);
        table.u64(usage.voluntary_switches);
        table.u64(usage.involuntary_switches);
        table.u64(usage.minor_faults);
        table.u64(usage.major_faults);
        table.u64(stat.threads);
        table.u64(stat.rss_pages * self.page_bytes);
        push_writer(table, &self.overhead.writer);
        table.end_sample();

        let table = sink.table(1);
        table.begin_sample(time_ns);
        self.overhead.each_source(|source| {
            // One that this machine does not have.
            if source.samples.get() == 0 && source.errors.get() == 0 {
                return;
            }
            table.instance(|key| key.str(source.name));
            table.u64(source.samples.get());
            table.u64(source.errors.get());
            table.u64(source.dropped.get());
            table.u64(source.late_ticks.get());
            table.u64(source.sampling_ns.get());
            table.u64(source.last_ns.get());
            table.u64(source.stuck_ns.get());
        });
        table.end_sample();
        Ok(())
    }
}

fn push_writer(table: &mut RecordBuilder, writer: &WriterOverhead) {
    table.u64(writer.commits.get());
    table.u64(writer.failed_commits.get());
    table.u64(writer.commit_ns.get());
    table.u64(writer.commit_max_ns.take());
    table.u64(writer.written_bytes.get());
    table.u64(writer.blocks.get());
    table.u64(writer.samples_in.get());
    table.u64(writer.samples_stored.get());
    table.u64(writer.samples_lost.get());
    table.u64(writer.evicted_segments.get());
    table.u64(writer.queue_bytes.get());
    table.u64(writer.queue_max_bytes.take());
    table.u64(writer.dropped_records.get());
}

/// Two fields of `/proc/self/stat`, proc_pid_stat(5).
struct SelfStat {
    threads: u64,
    rss_pages: u64,
}

impl SelfStat {
    fn parse(text: &[u8]) -> Option<SelfStat> {
        // The name in parentheses may hold anything, parentheses too; nothing after it does.
        let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
        let mut fields = Fields::new(text.get(after_name..)?);
        // The field after the name is the third; num_threads is the 20th, rss the 24th.
        fields.skip(17);
        let threads = fields.u64()?;
        fields.skip(3);
        Some(SelfStat { threads, rss_pages: fields.u64()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{SOURCE, SelfStat};
    use crate::source::Context;
    use crate::source::test_support::{assert_steady_state_allocates_nothing, sample};

    #[test]
    fn its_own_memory_and_threads_are_as_procfs_reads_them() {
        let context = Context::default();
        context.overhead.source("stat").samples.add(7);
        context.overhead.source("infiniband");
        let mut source = (SOURCE.open)(&context).unwrap();
        let before = procfs::process::Process::myself().unwrap().stat().unwrap();
        let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
        let theirs = procfs::process::Process::myself().unwrap().stat().unwrap();
        let ours = tables[0].u64(&[], "rss_bytes");
        let theirs_bytes = theirs.rss * procfs::page_size();
        assert!(ours.abs_diff(theirs_bytes) < 8 << 20, "{ours} bytes, procfs says {theirs_bytes}");
        assert!(tables[0].u64(&[], "threads") >= 1);
        let faults = tables[0].u64(&[], "minor_faults");
        assert!((before.minflt..=theirs.minflt).contains(&faults), "{faults} faults: {theirs:?}");
        assert_eq!(tables[1].u64(&["stat"], "samples"), 7);
        assert_eq!(tables[1].keys(), ["stat"], "one that is not there has done nothing");
    }

    #[test]
    fn a_maximum_is_that_since_the_sample_before() {
        let context = Context::default();
        let mut source = (SOURCE.open)(&context).unwrap();
        let mut longest = |commits: &[u64]| {
            for &took_ns in commits {
                context.overhead.writer.commit_max_ns.raise(took_ns);
            }
            let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
            tables[0].u64(&[], "commit_max_ns")
        };
        assert_eq!(longest(&[3, 9, 5]), 9);
        assert_eq!(longest(&[4]), 4);
        assert_eq!(longest(&[]), 0);
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_shifts_no_field() {
        let text =
            b"7 (a) b) c) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 11 0 99 1000 222 18446744";
        let stat = SelfStat::parse(text).unwrap();
        assert_eq!((stat.threads, stat.rss_pages), (11, 222));
        assert!(SelfStat::parse(b"7 (x) S 1 7").is_none());
    }

    #[test]
    fn steady_state_allocates_nothing() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
