//! `/proc/stat`: what the CPUs spent their time on, and a few counters of the whole kernel.

use super::{Context, Descriptor, Sink, Source, SourceError};
use crate::parse::{Fields, leading_u64, lines};
use crate::procfile::{ProcFile, Rendering};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the tables `cpu` and `kernel`.
pub const SOURCE: Descriptor = Descriptor {
    name: "stat",
    reads: "/proc/stat",
    default_interval: Duration::from_secs(1),
    default_on: true,
    tables,
    open,
};

/// The states of a CPU, in the order of the file.
const STATES: [(&str, &str); 10] = [
    ("user_ns", "running user code, guests included"),
    ("nice_ns", "running user code at a lowered priority, niced guests included"),
    ("system_ns", "running the kernel, without interrupts"),
    ("idle_ns", "idle, without waiting for I/O"),
    ("iowait_ns", "idle while a task that last ran here waits for I/O; the kernel lets it go back"),
    ("irq_ns", "serving interrupts"),
    ("softirq_ns", "serving softirqs"),
    ("steal_ns", "ready to run, while the hypervisor ran someone else"),
    ("guest_ns", "running a guest; this time is in user_ns too"),
    ("guest_nice_ns", "running a niced guest; this time is in nice_ns too"),
];

fn tables() -> Vec<Schema> {
    let tick_ns = tick_ns();
    let cpu = Schema::sample(
        "cpu",
        "/proc/stat",
        "Time that each CPU spent in each state since boot, counted by the kernel tick by tick: a \
         burst between two ticks is not in it. A CPU that is taken offline has no rows until it is \
         back.",
    )
    .key("cpu", ColumnType::U64, "number of the CPU");
    let cpu = STATES
        .iter()
        .fold(cpu, |schema, (name, doc)| schema.counter(name, unit::NS, doc).counted_in(tick_ns));
    let kernel = Schema::sample(
        "kernel",
        "/proc/stat",
        "Counters of the whole kernel since boot, and how many tasks want to run",
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
    vec![cpu, kernel]
}

/// The unit of the file's times (`USER_HZ`, sysconf(3) `_SC_CLK_TCK`), ns.
fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = ProcFile::open(context.proc.join("stat"), Rendering::Whole)?;
    Ok(Box::new(Stat { file, tick_ns: tick_ns() }))
}

struct Stat {
    file: ProcFile,
    tick_ns: u64,
}

/// What stands in the file beside the CPUs.
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
        let cpus = sink.table(0);
        cpus.begin_sample(time_ns);
        for line in lines(text) {
            if let Some(cpu) = line.strip_prefix(b"cpu") {
                push_cpu(cpus, cpu, self.tick_ns);
            } else {
                kernel.take(line);
            }
        }
        cpus.end_sample();
        let table = sink.table(1);
        table.begin_sample(time_ns);
        table.opt_u64(kernel.context_switches);
        table.opt_u64(kernel.forks);
        table.opt_u64(kernel.interrupts);
        table.opt_u64(kernel.softirqs);
        table.opt_u64(kernel.running);
        table.opt_u64(kernel.blocked);
        table.end_sample();
        Ok(())
    }
}

/// Adds the row of one CPU; `line` is its line after `cpu`. The line of all CPUs together, which
/// has no number, is left out: it is their sum.
fn push_cpu(table: &mut RecordBuilder, line: &[u8], tick_ns: u64) {
    let Some((cpu, times)) = leading_u64(line) else { return };
    table.instance(|key| key.u64(cpu));
    let mut fields = Fields::new(times);
    for _ in STATES {
        table.opt_u64(fields.u64().map(|ticks| ticks.wrapping_mul(tick_ns)));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, STATES, tick_ns};
    use crate::source::trial::{Table, assert_steady_state_allocates_nothing, context, sample};
    use crate::source::{Context, SourceError};
    use nodemon_formats::Value;
    use procfs::CurrentSI;

    fn sampled(context: &Context) -> Result<[Table; 2], SourceError> {
        let mut source = (SOURCE.open)(context)?;
        Ok(sample(source.as_mut(), &(SOURCE.tables)())?.try_into().unwrap())
    }

    fn of_procfs(cpu: &procfs::CpuTime) -> [u64; 10] {
        [
            cpu.user,
            cpu.nice,
            cpu.system,
            cpu.idle,
            cpu.iowait.unwrap(),
            cpu.irq.unwrap(),
            cpu.softirq.unwrap(),
            cpu.steal.unwrap(),
            cpu.guest.unwrap(),
            cpu.guest_nice.unwrap(),
        ]
    }

    #[test]
    fn each_state_of_each_cpu_lies_between_what_procfs_reads_before_and_after() {
        let before = procfs::KernelStats::current().unwrap();
        let [cpu, kernel] = sampled(&Context::default()).unwrap();
        let after = procfs::KernelStats::current().unwrap();
        assert_eq!(cpu.rows.len(), before.cpu_time.len());
        for (number, (a, b)) in before.cpu_time.iter().zip(&after.cpu_time).enumerate() {
            let key = number.to_string();
            for ((name, _), (a, b)) in STATES.iter().zip(of_procfs(a).iter().zip(of_procfs(b))) {
                let ours = cpu.u64(&[&key], name);
                // The kernel extrapolates these for a sleeping CPU, and may take a tick back.
                let slack = u64::from(matches!(*name, "idle_ns" | "iowait_ns"));
                let (a, b) = (a.saturating_sub(slack) * tick_ns(), (b + slack) * tick_ns());
                assert!(a <= ours && ours <= b, "cpu {number} {name}: {a} <= {ours} <= {b}");
            }
        }
        let switches = kernel.u64(&[], "context_switches");
        assert!(before.ctxt <= switches && switches <= after.ctxt);
        let forks = kernel.u64(&[], "forks");
        assert!(before.processes <= forks && forks <= after.processes);
        assert!(kernel.u64(&[], "running") >= 1, "this test runs");
        assert!(kernel.u64(&[], "interrupts") > 0 && kernel.u64(&[], "softirqs") > 0);
        assert_eq!(cpu.time_ns, kernel.time_ns, "one read, one time");
    }

    #[test]
    fn offline_cpus_have_no_row_and_a_cpu_that_is_back_has_one_again() {
        let line = |cpu: u32| format!("cpu{cpu} {cpu} 2 3 4 5 6 7 8 9 10\n");
        let text = |cpus: &[u32]| {
            let lines: String = cpus.iter().map(|&cpu| line(cpu)).collect();
            format!("cpu  1 2 3 4 5 6 7 8 9 10\n{lines}intr 99 0 0 12\nctxt 5\nbtime 1\n")
        };
        let (dir, context) = context(&[("stat", &text(&[0, 1, 3]))]);
        let mut source = (SOURCE.open)(&context).unwrap();
        let mut keys = |cpus: &[u32]| {
            std::fs::write(dir.path().join("stat"), text(cpus)).unwrap();
            let tables = sample(source.as_mut(), &(SOURCE.tables)()).unwrap();
            assert_eq!(tables[1].u64(&[], "interrupts"), 99);
            assert_eq!(
                tables[1].value(&[], "softirqs"),
                Value::Absent,
                "the file has no such line"
            );
            tables[0].keys().join(",")
        };
        assert_eq!(keys(&[0, 1, 3]), "0,1,3");
        assert_eq!(keys(&[0, 3]), "0,3");
        assert_eq!(keys(&[0, 1, 2, 3]), "0,1,2,3");
        let many: Vec<u32> = (0..256).collect();
        assert_eq!(keys(&many).split(',').count(), 256);
    }

    #[test]
    fn states_that_an_old_kernel_does_not_have_are_absent() {
        let (_dir, context) = context(&[("stat", "cpu 1 2 3 4\ncpu0 7 2 3 4\nctxt x\n")]);
        let [cpu, kernel] = sampled(&context).unwrap();
        assert_eq!(cpu.u64(&["0"], "user_ns"), 7 * tick_ns());
        assert_eq!(cpu.u64(&["0"], "idle_ns"), 4 * tick_ns());
        assert_eq!(cpu.value(&["0"], "iowait_ns"), Value::Absent);
        assert_eq!(kernel.value(&[], "context_switches"), Value::Absent, "not a number");
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
