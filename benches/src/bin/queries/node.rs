//! Recordings of nodes that do not exist, the same at every run: an hour of a whole node at 1 s,
//! and some seconds of 64 CPUs at 1 ms.

use nodemon_formats::clock::boottime_ns;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use rkyv::util::AlignedVec;
use std::error::Error;
use std::path::Path;

/// Larger than either recording, so that nothing is evicted.
const RING_BYTES: u64 = 1 << 30;

/// Instances and columns of the tables of the hour, about what a node of 8 CPUs, 4 disks and 200
/// processes has.
const TABLES: [(&str, usize, usize); 9] = [
    ("cpu", 8, 10),
    ("softirq", 80, 1),
    ("interrupt", 480, 1),
    ("memory", 1, 54),
    ("vmstat", 1, 180),
    ("netstat", 1, 300),
    ("disk", 4, 17),
    ("net", 4, 16),
    ("process", 200, 15),
];

/// The table and the column that the bench asks for.
pub const METRIC: (&str, &str) = ("memory", "c7_bytes");

/// One of `xorshift64*`: chance that is the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 32) % end
    }
}

/// One table being written: its number with the writer, and the present values.
struct Growing {
    number: u32,
    builder: RecordBuilder,
    instances: usize,
    values: Vec<u64>,
}

/// Writes an hour at 1 s. Of every second 18 % of the values differ from the second before, as was
/// measured on a real node. Returns how many values it holds.
///
/// # Errors
/// When the recording cannot be written.
pub fn write_hour(dir: &Path) -> Result<u64, Box<dyn Error>> {
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(RING_BYTES))?;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut tables: Vec<Growing> = TABLES
        .iter()
        .map(|(name, instances, columns)| {
            let schema = schema(name, *columns);
            let builder = RecordBuilder::new(&schema);
            let values = (0..instances * columns).map(|_| chance.below(1 << 30)).collect();
            Growing { number: writer.add_table(schema), builder, instances: *instances, values }
        })
        .collect();
    let start_ns = boottime_ns();
    let mut bytes = AlignedVec::new();
    let mut count = 0;
    for second in 0..3600 {
        for table in &mut tables {
            let columns = table.values.len() / table.instances;
            table.builder.begin_sample(start_ns + second * 1_000_000_000);
            for (instance, row) in table.values.chunks_exact_mut(columns).enumerate() {
                table.builder.instance(|key| key.u64(instance as u64));
                for value in row {
                    if chance.below(100) < 18 {
                        *value += chance.below(1 << 12);
                    }
                    table.builder.u64(*value);
                    count += 1;
                }
            }
            table.builder.end_sample();
            table.builder.finish(table.number, &mut bytes)?;
            writer.push(&bytes)?;
        }
        writer.commit()?;
    }
    writer.close()?;
    Ok(count)
}

fn schema(name: &str, columns: usize) -> Schema {
    let mut schema = Schema::sample(name, "simulated", "a table of the bench").key(
        "instance",
        ColumnType::U64,
        "number",
    );
    schema.interval_ns = 1_000_000_000;
    (0..columns).fold(schema, |schema, column| {
        if name == METRIC.0 {
            schema.gauge(&format!("c{column}_bytes"), ColumnType::U64, unit::BYTES, "")
        } else {
            schema.counter(&format!("c{column}"), unit::COUNT, "")
        }
    })
}

/// CPUs of the millisecond recording.
pub const CPUS: u64 = 64;
/// States of each.
pub const STATES: u64 = 8;
/// Its milliseconds.
pub const MILLISECONDS: u64 = 20_000;

/// Writes 20 s of the time that 64 CPUs spent in 8 states, ns, every 1 ms, in one table `cpu`.
///
/// # Errors
/// When the recording cannot be written.
pub fn write_milliseconds(dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(RING_BYTES))?;
    let states = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let mut schema = Schema::sample("cpu", "simulated", "time of each CPU in each state").key(
        "cpu",
        ColumnType::U64,
        "number of the CPU",
    );
    schema.interval_ns = 1_000_000;
    let schema = states
        .iter()
        .fold(schema, |schema, state| schema.counter(&format!("{state}_ns"), unit::NS, ""));
    let mut builder = RecordBuilder::new(&schema);
    let number = writer.add_table(schema);
    let mut chance = Chance(0xd1b5_4a32_d192_ed03);
    let mut busy: Vec<u64> = (0..CPUS).map(|_| chance.below(1000)).collect();
    let mut values = vec![0_u64; (CPUS * STATES) as usize];
    let start_ns = boottime_ns();
    let mut bytes = AlignedVec::new();
    for millisecond in 0..MILLISECONDS {
        builder.begin_sample(start_ns + millisecond * 1_000_000);
        for (cpu, row) in values.chunks_exact_mut(STATES as usize).enumerate() {
            spend(row, &mut busy[cpu], &mut chance);
            builder.instance(|key| key.u64(cpu as u64));
            row.iter().for_each(|value| builder.u64(*value));
        }
        builder.end_sample();
        if builder.samples() == 250 {
            builder.finish(number, &mut bytes)?;
            writer.push(&bytes)?;
        }
        if (millisecond + 1) % 1000 == 0 {
            writer.commit()?;
        }
    }
    writer.close()?;
    Ok(())
}

/// Spends a millisecond of a CPU: how busy it is, in thousandths, wanders; of the busy part most is
/// user time, some the kernel's, and now and then an interrupt takes a little.
fn spend(row: &mut [u64], busy: &mut u64, chance: &mut Chance) {
    *busy = (*busy + chance.below(41)).saturating_sub(20).min(1000);
    let busy_ns = *busy * 1000;
    let system_ns = if busy_ns == 0 { 0 } else { chance.below(busy_ns / 4 + 1) };
    let interrupt_ns = if chance.below(8) == 0 { chance.below(busy_ns / 16 + 1) } else { 0 };
    let spent = [
        busy_ns - system_ns - interrupt_ns.min(busy_ns - system_ns),
        0,
        system_ns,
        1_000_000 - busy_ns,
        0,
        0,
        interrupt_ns.min(busy_ns - system_ns),
        0,
    ];
    row.iter_mut().zip(spent).for_each(|(value, spent)| *value += spent);
}
