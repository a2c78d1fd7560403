//! `/proc/softirqs`: how many softirqs of each vector each CPU has served.

use super::{Context, Descriptor, Sink, Source, SourceError};
use crate::parse::{Fields, leading_u64, lines};
use crate::procfile::{ProcFile, Rendering};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};
use std::time::Duration;

/// The source of the table `softirq`.
pub const SOURCE: Descriptor = Descriptor {
    name: "softirqs",
    reads: "/proc/softirqs",
    default_interval: Duration::from_secs(1),
    default_on: true,
    tables,
    open,
};

/// The vectors of every kernel since 2.6.33: the kernel's name, the column, what it does.
const VECTORS: [(&[u8], &str, &str); 10] = [
    (b"HI", "hi", "tasklets of high priority"),
    (b"TIMER", "timer", "timers of the timer wheel"),
    (b"NET_TX", "net_tx", "sending packets"),
    (b"NET_RX", "net_rx", "receiving packets"),
    (b"BLOCK", "block", "completing block I/O"),
    (b"IRQ_POLL", "irq_poll", "polling of block devices, BLOCK_IOPOLL before 4.5"),
    (b"TASKLET", "tasklet", "tasklets"),
    (b"SCHED", "sched", "balancing load between CPUs"),
    (b"HRTIMER", "hrtimer", "high-resolution timers"),
    (b"RCU", "rcu", "RCU callbacks"),
];

/// The name of `IRQ_POLL` before 4.5.
const OLD_IRQ_POLL: &[u8] = b"BLOCK_IOPOLL";

fn tables() -> Vec<Schema> {
    let doc = "Softirqs of each vector that each CPU has served since boot. A CPU that has never \
               served one, such as one that could be added while running, has no row.";
    let schema = Schema::sample("softirq", "/proc/softirqs", doc).key(
        "cpu",
        ColumnType::U64,
        "number of the CPU",
    );
    let counter = |schema: Schema, (_, name, doc): &(&[u8], &str, &str)| {
        schema.counter(name, unit::COUNT, doc)
    };
    vec![VECTORS.iter().fold(schema, counter)]
}

fn open(context: &Context) -> Result<Box<dyn Source>, SourceError> {
    let file = ProcFile::open(context.proc.join("softirqs"), Rendering::Whole)?;
    Ok(Box::new(Softirqs { file, rows: Vec::new(), unknown: Vec::new() }))
}

/// The counts of one CPU, one a vector.
type Counts = [Option<u64>; VECTORS.len()];

struct Softirqs {
    file: ProcFile,
    /// The number of each CPU in the header, and its counts: the file has a line for each vector,
    /// the table a row for each CPU.
    rows: Vec<(u64, Counts)>,
    /// Vectors that have no column.
    unknown: Vec<Vec<u8>>,
}

impl Source for Softirqs {
    fn sample(&mut self, sink: &mut Sink) -> Result<(), SourceError> {
        let Softirqs { file, rows, unknown } = self;
        let text = file.read()?;
        let time_ns = sink.time_ns();
        rows.clear();
        let mut lines = lines(text);
        let mut cpus = Fields::new(lines.next().unwrap_or_default());
        while let Some(word) = cpus.word() {
            let number = word.strip_prefix(b"CPU").and_then(leading_u64);
            // Without a number the place still counts: the columns below are counted by it.
            rows.push((number.map_or(rows.len() as u64, |(number, _)| number), Counts::default()));
        }
        for line in lines {
            let mut fields = Fields::new(line);
            let Some(name) = fields.word().and_then(|word| word.strip_suffix(b":")) else {
                continue;
            };
            let Some(vector) = vector(name) else {
                if unknown.iter().all(|known| known != name) {
                    unknown.push(name.to_vec());
                }
                continue;
            };
            for (_, counts) in rows.iter_mut() {
                let Some(count) = fields.u64() else { break };
                if let Some(place) = counts.get_mut(vector) {
                    *place = Some(count);
                }
            }
        }
        let table = sink.table(0);
        table.begin_sample(time_ns);
        for (cpu, counts) in rows.iter() {
            if counts.iter().any(|count| count.is_some_and(|count| count > 0)) {
                table.instance(|key| key.u64(*cpu));
                counts.iter().for_each(|count| table.opt_u64(*count));
            }
        }
        table.end_sample();
        Ok(())
    }

    fn limits(&self) -> Vec<String> {
        let told = |name: &Vec<u8>| {
            let name = String::from_utf8_lossy(name);
            format!("the softirq vector {name} in /proc/softirqs is not known and not recorded")
        };
        self.unknown.iter().map(told).collect()
    }
}

fn vector(name: &[u8]) -> Option<usize> {
    let name = if name == OLD_IRQ_POLL { b"IRQ_POLL" } else { name };
    VECTORS.iter().position(|(vector, _, _)| *vector == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{SOURCE, VECTORS};
    use crate::source::Context;
    use crate::source::trial::{assert_steady_state_allocates_nothing, context, sample, sample_of};
    use nodemon_formats::Value;
    use std::fmt::Write;

    /// The counts of `/proc/softirqs` in a plain way: vector, CPU, count.
    fn plainly(text: &str) -> Vec<(String, String, u64)> {
        let mut lines = text.lines();
        let cpus: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let mut counts = Vec::new();
        for line in lines {
            let (vector, rest) = line.split_once(':').unwrap();
            for (cpu, count) in cpus.iter().zip(rest.split_whitespace()) {
                let cpu = cpu.trim_start_matches("CPU").to_owned();
                counts.push((vector.trim().to_lowercase(), cpu, count.parse().unwrap()));
            }
        }
        counts
    }

    #[test]
    fn each_count_lies_between_reads_before_and_after() {
        let read = || plainly(&std::fs::read_to_string("/proc/softirqs").unwrap());
        let before = read();
        let table = sample_of(&SOURCE, &Context::default());
        let after = read();
        assert!(before.len() >= VECTORS.len());
        for ((vector, cpu, a), (_, _, b)) in before.iter().zip(&after) {
            let ours = table.u64(&[cpu], vector);
            assert!(*a <= ours && ours <= *b, "{vector} of CPU {cpu}: {a} <= {ours} <= {b}");
        }
    }

    #[test]
    fn of_256_cpus_those_that_never_served_one_have_no_row() {
        let mut text = String::from("     ");
        (0..256).for_each(|cpu| write!(text, "CPU{cpu} ").unwrap());
        for (vector, _, _) in VECTORS {
            write!(text, "\n{}:", String::from_utf8_lossy(vector)).unwrap();
            for cpu in 0..256 {
                write!(text, " {}", if cpu < 200 { cpu * 10 } else { 0 }).unwrap();
            }
        }
        let (_dir, context) = context(&[("softirqs", &text)]);
        let table = sample_of(&SOURCE, &context);
        assert_eq!(table.rows.len(), 199, "CPUs 1 to 199");
        assert_eq!(table.u64(&["199"], "rcu"), 1990);
    }

    #[test]
    fn old_names_missing_vectors_and_new_ones() {
        let text = "          CPU0  CPU3\n    HI:  1  2\nBLOCK_IOPOLL: 5 6\nTEATIME: 7 8\nRCU: 9\n";
        let (_dir, context) = context(&[("softirqs", text)]);
        let mut source = (SOURCE.open)(&context).unwrap();
        let table = sample(source.as_mut(), &(SOURCE.tables)()).unwrap().remove(0);
        assert_eq!(table.keys(), ["0", "3"]);
        assert_eq!(table.u64(&["3"], "irq_poll"), 6);
        assert_eq!(table.value(&["0"], "net_rx"), Value::Absent);
        assert_eq!(table.value(&["3"], "rcu"), Value::Absent, "the line is cut short");
        assert!(source.limits()[0].contains("TEATIME"), "{:?}", source.limits());
    }

    #[test]
    fn sampling_allocates_nothing_in_the_steady_state() {
        assert_steady_state_allocates_nothing(&SOURCE);
    }
}
