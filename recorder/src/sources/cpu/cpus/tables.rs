//! The tables `cpu` and `softirq`, as each way of feeding them has them.

use crate::ring::abi::{
    HAS_IDLE, HAS_IRQS, HAS_RUNNING, HAS_SOFTIRQS, HAS_STATES, HAS_SWITCHES, IDLE, IOWAIT,
    RingHeader, SOFTIRQS, STATES,
};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema};

/// The states of a CPU, in the order of `/proc/stat`.
pub const STATE_COLUMNS: [(&str, &str); STATES] = [
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

/// The softirq vectors of every kernel since 2.6.33: the kernel's name, the column, what it does.
pub const VECTORS: [(&[u8], &str, &str); SOFTIRQS] = [
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

/// How the tables are fed: what there is, and how it is counted.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    /// Where they come from, as a schema says it.
    pub source: &'a str,
    /// `HAS_*` of the ring's header.
    pub present: u64,
    /// The step in which idle and iowait are counted, ns.
    pub idle_quantum_ns: u64,
    /// The step in which the other states are counted, ns.
    pub state_quantum_ns: u64,
    /// Between two samples, ns.
    pub interval_ns: u64,
}

/// What `/proc/stat` and `/proc/softirqs` have.
pub const PROC_HAS: u64 = HAS_STATES | HAS_IDLE | HAS_SOFTIRQS;

impl<'a> Shape<'a> {
    /// As a ring feeds them.
    pub fn from_ring(source: &'a str, header: &RingHeader) -> Shape<'a> {
        Shape {
            source,
            present: header.present,
            idle_quantum_ns: header.idle_quantum_ns.into(),
            state_quantum_ns: header.state_quantum_ns.into(),
            interval_ns: header.interval_ns,
        }
    }

    /// Whether idle time is read off the clock, and not counted by the tick.
    pub fn is_exact(self) -> bool {
        self.idle_quantum_ns <= 1000
    }
}

/// The tables with every column there is, for whoever asks before one of the feeds was chosen.
pub fn described() -> Vec<Schema> {
    let source = "/dev/nodemon, an eBPF timer, or /proc/stat and /proc/softirqs";
    let shape = Shape {
        source,
        present: u64::MAX,
        idle_quantum_ns: 0,
        state_quantum_ns: 0,
        interval_ns: 1_000_000,
    };
    vec![cpu(shape), softirq(shape)]
}

/// The tables in `shape`. `notes` say why they are not fed better, or nothing: they follow where
/// the tables come from, after a semicolon.
pub fn tables(shape: Shape<'_>, notes: &[String]) -> Vec<Schema> {
    let source = std::iter::once(shape.source).chain(notes.iter().map(String::as_str));
    let source = source.collect::<Vec<_>>().join("; ");
    let shape = Shape { source: &source, ..shape };
    vec![cpu(shape), softirq(shape)]
}

fn cpu(shape: Shape<'_>) -> Schema {
    let doc = "Time that each CPU spent in each state since boot. Where the kernel samples \
               (module, eBPF), idle, iowait and busy time are exact, before Linux 7.2; the other \
               states are counted tick by tick, so a burst between two ticks is in busy_ns alone. \
               Read from /proc all of them are. A CPU that is offline has no rows.";
    let mut schema = Schema::sample("cpu", shape.source.to_owned(), doc).key(
        "cpu",
        ColumnType::U64,
        "number of the CPU",
    );
    for (state, (name, doc)) in STATE_COLUMNS.iter().enumerate() {
        let is_idle = matches!(state, IDLE | IOWAIT);
        let quantum_ns = if is_idle { shape.idle_quantum_ns } else { shape.state_quantum_ns };
        schema = schema.counter(name, unit::NS, *doc).counted_in(step(quantum_ns));
    }
    let doc = "doing anything: the time that is neither idle_ns nor iowait_ns";
    schema = schema.counter("busy_ns", unit::NS, doc).counted_in(step(shape.idle_quantum_ns));
    if shape.present & HAS_RUNNING != 0 {
        let doc = "tasks that run or are ready to run; where the kernel samples";
        schema = schema.gauge("running", ColumnType::U64, unit::COUNT, doc);
    }
    if shape.present & HAS_SWITCHES != 0 {
        let doc = "switches from one task to another; where the kernel samples";
        schema = schema.counter("context_switches", unit::COUNT, doc);
    }
    if shape.present & HAS_IRQS != 0 {
        let doc = "interrupts of devices served, without the local timer and those between CPUs; \
                   where the kernel samples";
        schema = schema.counter("interrupts", unit::COUNT, doc);
    }
    Schema { interval_ns: shape.interval_ns, ..schema }
}

fn softirq(shape: Shape<'_>) -> Schema {
    let doc = "Softirqs of each vector that each CPU has served since boot. The kernel counts them \
               in 32 bits. A CPU that has never served one, such as one that could be added while \
               running, has no row.";
    let schema = Schema::sample("softirq", shape.source.to_owned(), doc).key(
        "cpu",
        ColumnType::U64,
        "number of the CPU",
    );
    let counter = |schema: Schema, (_, name, doc): &(&[u8], &str, &'static str)| {
        schema.counter(name, unit::COUNT, *doc)
    };
    let schema = VECTORS.iter().fold(schema, counter);
    Schema { interval_ns: shape.interval_ns, ..schema }
}

/// As a schema says it: 0 when exact.
fn step(quantum_ns: u64) -> u64 {
    if quantum_ns <= 1 { 0 } else { quantum_ns }
}
