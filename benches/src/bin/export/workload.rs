//! Rows to write: CPU time of a busy node with 64 CPUs, in ns, every millisecond.

use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics};
use nodemon_query::rows::{Batch, BatchColumn, Field, Header, Role};
use std::sync::Arc;

const STATES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const CPUS: usize = 64;
/// Rows in a batch: a block of one second.
const BATCH_ROWS: usize = 1000;

/// An answer and what to call it.
pub struct Workload {
    /// `narrow` or `wide`.
    pub name: &'static str,
    /// What the columns are.
    pub header: Arc<Header>,
    /// The rows.
    pub batches: Vec<Batch>,
}

impl Workload {
    /// The time and the time that one CPU ran user code.
    pub fn narrow(rows: usize) -> Workload {
        Workload::new("narrow", rows, 1, 1)
    }

    /// The time and 8 states of 64 CPUs.
    pub fn wide(rows: usize) -> Workload {
        Workload::new("wide", rows, CPUS, STATES.len())
    }

    fn new(name: &'static str, rows: usize, cpus: usize, states: usize) -> Workload {
        let mut header =
            Header::from_schema(&Schema::sample("cpu", "simulated", "Time in each state"), "");
        for cpu in 0..cpus {
            for state in &STATES[..states] {
                let name = format!("cpu{cpu}_{state}_ns");
                let column = Column::new(&name, ColumnType::U64, Semantics::Counter, unit::NS, "");
                header.fields.push(Field::from_column(&column, Role::Value));
            }
        }
        let mut node = Node::new(cpus);
        let batches = (0..rows.div_ceil(BATCH_ROWS))
            .map(|b| node.batch(BATCH_ROWS.min(rows - b * BATCH_ROWS), states))
            .collect();
        Workload { name, header: Arc::new(header), batches }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }
}

/// A simulated node. Each CPU is in one state for some milliseconds; now and then an interrupt or
/// a system call takes a part of one.
struct Node {
    random: u64,
    time: i64,
    state: Vec<usize>,
    spent: Vec<[u64; STATES.len()]>,
}

impl Node {
    fn new(cpus: usize) -> Node {
        Node {
            random: 88_172_645_463_325_252,
            time: 1_795_144_327_000_000_000,
            state: vec![3; cpus],
            spent: vec![[1 << 40; STATES.len()]; cpus],
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    /// One millisecond.
    fn step(&mut self) {
        let late = self.below(4000).cast_signed() - 2000;
        self.time += 1_000_000 + late;
        for cpu in 0..self.state.len() {
            if self.below(8) == 0 {
                self.state[cpu] = [0, 0, 0, 2, 3, 3, 3, 4][self.below(8) as usize];
            }
            let mut left = (1_000_000 + late).cast_unsigned();
            if self.below(3) == 0 {
                let part = self.below(left / 4);
                let other = [2, 2, 5, 6, 6, 7][self.below(6) as usize];
                self.spent[cpu][other] += part;
                left -= part;
            }
            self.spent[cpu][self.state[cpu]] += left;
        }
    }

    fn batch(&mut self, rows: usize, states: usize) -> Batch {
        let columns = self.state.len() * states;
        let mut batch = Batch::default();
        batch.columns.resize_with(columns, BatchColumn::default);
        for _ in 0..rows {
            self.step();
            batch.times.push(self.time);
            let words = self.spent.iter().flat_map(|spent| &spent[..states]);
            batch.columns.iter_mut().zip(words).for_each(|(column, word)| column.words.push(*word));
        }
        batch
    }
}
