//! `/proc/stat`: a few counters of the whole kernel. Its CPUs are the source `cpus`'.

use crate::kernel_files::file::{ProcFile, Rendering};
use crate::kernel_files::text::{Fields, lines};
use crate::source::{Context, Descriptor, Sink, Source, SourceError, SourceKind};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `kernel`.
pub const SOURCE: Descriptor = Descriptor {
    name: "stat",
    reads: "/proc/stat",
    default_interval: Duration::from_secs(1),
    default_on: true,
    kind: SourceKind::Polled,
    tables: &tables,
    described: None,
    open: &open,
};

fn tables() -> Vec<Schema> {
    let kernel = Schema::sample(
        "kernel",
        "/proc/stat",
        "Counters of the whole kernel since boot, and the number of runnable tasks",
    )
    .counter("context_switches", unit::COUNT, "switches from one task to another (ctxt)")
    .counter("forks", unit::COUNT, "processes and threads that were started (processes)")
    .counter("interrupts", unit::COUNT, "interrupts that were served (intr)")
    .counter("softirqs", unit::COUNT, "softirqs that were served (softirq)")
    .gauge(
        "running",
        ColumnType::U64,
        unit::COUNT,
        "tasks that run or are ready to run (procs_running)",
    )
    .gauge(
        "blocked",
        ColumnType::U64,
        unit::COUNT,
        "tasks that wait for I/O to complete (procs_blocked)",
    );
    vec![kernel]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = ProcFile::open(context.proc.join("stat"), Rendering::Whole)?;
    Ok(Box::new(Stat { file }))
}

struct Stat {
    file: ProcFile,
}

/// What stands in the file.
#[derive(Default)]
struct Kernel {
    context_switches: Option<u64>,
    forks: Option<u64>,
    interrupts: Option<u64>,
    softirqs: Option<u64>,
    running: Option<u64>,
    blocked: Option<u64>,
}

impl Source for Stat {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let text = self.file.read()?;
        let time_ns = sink.time_ns();
        let mut kernel = Kernel::default();
        // Most of the file are the lines of CPUs, which begin alike.
        lines(text).filter(|line| !line.starts_with(b"cpu")).for_each(|line| kernel.take(line));
        let table = sink.table(0);
        table.begin_sample(time_ns);
        table.opt_u64(kernel.context_switches);
        table.opt_u64(kernel.forks);
        table.opt_u64(kernel.interrupts);
        table.opt_u64(kernel.softirqs);
        table.opt_u64(tasks(kernel.running));
        table.opt_u64(tasks(kernel.blocked));
        table.end_sample();
        Ok(())
    }
}

impl Kernel {
    fn take(&mut self, line: &[u8]) {
        let mut fields = Fields::new(line);
        let place = match fields.word() {
            Some(b"ctxt") => &mut self.context_switches,
            Some(b"processes") => &mut self.forks,
            Some(b"intr") => &mut self.interrupts,
            Some(b"softirq") => &mut self.softirqs,
            Some(b"procs_running") => &mut self.running,
            Some(b"procs_blocked") => &mut self.blocked,
            _ => return,
        };
        *place = fields.u64();
    }
}

/// A number of tasks. The kernel adds up what each CPU counted, without a lock, and at times prints
/// less than none in an unsigned.
fn tasks(count: Option<u64>) -> Option<u64> {
    count.filter(|count| *count < 1 << 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::SOURCE;
    use crate::source::Context;
    use crate::source::test_support::{
        assert_steady_state_allocates_nothing, context, sample, sample_of,
    };
    use nodemon_formats::Value;
    use procfs::CurrentSI;

    #[test]
    fn each_counter_lies_between_what_procfs_reads_before_and_after() {
        let before = procfs::KernelStats::current().unwrap();
        let kernel = sample_of(&SOURCE, &Context::default());
        let after = procfs::KernelStats::current().unwrap();
        let switches = kernel.u64(&[], "context_switches");
        assert!(before.ctxt <= switches && switches <= after.ctxt);
        let forks = kernel.u64(&[], "forks");
        assert!(before.processes <= forks && forks <= after.processes);
        assert!(kernel.u64(&[], "running") >= 1, "this test runs");
        assert!(kernel.u64(&[], "interrupts") > 0 && kernel.u64(&[], "softirqs") > 0);
    }

    #[test]
    fn what_a_kernel_does_not_have_or_garbles_is_absent() {
        let text = "cpu 1 2 3 4\ncpu0 7 2 3 4\nintr 99 0 0 12\nctxt x\n";
        let (_dir, context) = context(&[("stat", text)]);
        let kernel = sample_of(&SOURCE, &context);
        assert_eq!(kernel.u64(&[], "interrupts"), 99);
        assert_eq!(kernel.value(&[], "context_switches"), Value::Absent, "not a number");
        assert_eq!(kernel.value(&[], "softirqs"), Value::Absent, "no such line");
    }

    #[test]
    fn fewer_tasks_than_none_are_absent() {
        for less in ["18446744073709551615", "4294967295"] {
            let text = format!("ctxt 5\nprocs_running 1\nprocs_blocked {less}\n");
            let (_dir, context) = context(&[("stat", text.as_str())]);
            let kernel = sample_of(&SOURCE, &context);
            assert_eq!(kernel.u64(&[], "running"), 1);
            assert_eq!(kernel.value(&[], "blocked"), Value::Absent, "{less} is -1");
        }
    }

    #[test]
    fn from_an_interval_of_100_ms_on_times_are_whole_microseconds() {
        let times = |interval_ns: u64| -> Vec<u64> {
            let mut tables = (SOURCE.tables)();
            tables.iter_mut().for_each(|table| table.interval_ns = interval_ns);
            let mut source = (SOURCE.open)(&Context::default()).unwrap();
            let mut time_ns = || sample(source.as_mut(), &tables).unwrap()[0].time_ns;
            (0..20).map(|_| time_ns()).collect()
        };
        assert!(times(100_000_000).iter().all(|time_ns| time_ns % 1000 == 0));
        assert!(times(99_000_000).iter().any(|time_ns| time_ns % 1000 != 0));
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
