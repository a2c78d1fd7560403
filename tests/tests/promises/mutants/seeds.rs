//! The recordings that are damaged: small ones with all that a recording can have, by the writer
//! itself.

use nodemon_formats::clock::ClockOffset;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use nodemon_formats::{Gap, GapCause, Histogram};
use nodemon_tests::copy;
use rkyv::util::AlignedVec;
use std::path::{Path, PathBuf};

const SECOND_NS: u64 = 1_000_000_000;

/// The tables of every seed.
pub const TABLES: [&str; 5] = ["cpu", "memory", "process", "block_latency", "process_event"];

fn schemas() -> [Schema; 5] {
    let every = |mut schema: Schema, interval_ns| {
        schema.interval_ns = interval_ns;
        schema
    };
    let cpu = Schema::sample("cpu", "a test", "time of CPUs")
        .key("cpu", ColumnType::U64, "number")
        .counter("user_ns", unit::NS, "running user code")
        .counter("system_ns", unit::NS, "running the kernel")
        .gauge("running", ColumnType::U64, unit::COUNT, "tasks");
    let memory = Schema::sample("memory", "a test", "memory of the node")
        .gauge("mem_total_bytes", ColumnType::U64, unit::BYTES, "all of it")
        .gauge("mem_available_bytes", ColumnType::U64, unit::BYTES, "free or reclaimable");
    let process = Schema::sample("process", "a test", "processes")
        .key("pid", ColumnType::U64, "number")
        .key("start_ns", ColumnType::U64, "when it started")
        .state("command", ColumnType::String, "name")
        .counter("cpu_ns", unit::NS, "running")
        .gauge("share", ColumnType::F64, unit::RATIO, "of memory")
        .state("raw", ColumnType::Bytes, "anything");
    let latency = Schema::sample("block_latency", "a test", "how long requests took")
        .key("device", ColumnType::String, "name")
        .histogram("latency_ns", unit::NS, "from issue to completion");
    let event = Schema::event("process_event", "a test", "processes that ended")
        .key("pid", ColumnType::U64, "number")
        .state("command", ColumnType::String, "name")
        .state("is_killed", ColumnType::Bool, "by a signal");
    [
        every(cpu, SECOND_NS / 100),
        every(memory, SECOND_NS),
        every(process, SECOND_NS),
        every(latency, SECOND_NS / 2),
        event,
    ]
}

/// Any word; the same one for the same numbers.
fn word(a: u64, b: u64) -> u64 {
    let mut word = (a ^ b.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The recordings, each in a directory of its own below `scratch`: two runs that ended well; one
/// that was killed, with rows in its journal; one with other tables under the same numbers.
pub fn make(scratch: &Path) -> Vec<PathBuf> {
    let closed = scratch.join("closed");
    run(&closed, 40, 0, &[0, 1, 2, 3, 4]).close().unwrap();
    run(&closed, 8, 100, &[0, 1, 2, 3, 4]).close().unwrap();
    let (alive, killed) = (scratch.join("alive"), scratch.join("killed"));
    let writer = run(&alive, 70, 0, &[0, 1, 2, 3, 4]);
    copy(&alive, &killed);
    drop(writer);
    let other = scratch.join("other");
    run(&other, 20, 0, &[4, 2, 3, 1, 0]).close().unwrap();
    vec![closed, killed, other]
}

/// Records some seconds, into tables that are numbered in this order.
fn run(dir: &Path, seconds: u64, from: u64, order: &[usize]) -> RecordingWriter {
    let tier =
        |step_s: u64| TierOptions { step_ns: step_s * SECOND_NS, size_bytes: LEAST_RING_BYTES };
    let options = WriterOptions {
        tiers: vec![tier(1), tier(10)],
        ..WriterOptions::new(4 * LEAST_RING_BYTES)
    };
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let schemas = schemas();
    let mut numbers = [0; 5];
    for &table in order {
        numbers[table] = writer.add_table(schemas[table].clone());
    }
    let mut records = schemas.each_ref().map(RecordBuilder::new);
    // Runs follow one another, and all of them were a while ago.
    let start_ns = ClockOffset::now().from_ns.saturating_sub(200 * SECOND_NS) + from * SECOND_NS;
    for second in 0..seconds {
        put(&mut records, start_ns + second * SECOND_NS, from + second);
        for (record, number) in records.iter_mut().zip(numbers) {
            if record.samples() > 0 {
                let mut archive = AlignedVec::new();
                record.finish(number, &mut archive).unwrap();
                writer.push(&archive).unwrap();
            }
        }
        if second % 7 == 3 {
            writer.gap(Gap {
                table: if second % 2 == 0 { "cpu".into() } else { String::new() },
                cause: GapCause::Late,
                from_ns: start_ns + second * SECOND_NS,
                to_ns: start_ns + (second + 1) * SECOND_NS,
                lost: 7,
                detail: "the source overslept".into(),
            });
        }
        writer.commit().unwrap();
    }
    writer
}

/// What comes in a second.
fn put(records: &mut [RecordBuilder; 5], time_ns: u64, second: u64) {
    let [cpu, memory, process, latency, event] = records;
    for sample in 0..100 {
        cpu.begin_sample(time_ns + sample * (SECOND_NS / 100));
        for number in 0..2 {
            let at = second * 100 + sample;
            cpu.instance(|key| key.u64(number));
            cpu.u64(at * 4_000_000 + word(at, number) % 4_000_000);
            cpu.u64(at * 1_000_000);
            cpu.u64(word(at, 7) % 3);
        }
        cpu.end_sample();
    }
    memory.begin_sample(time_ns);
    memory.u64(16 << 30);
    memory.u64(word(second, 3) % (16 << 30));
    memory.end_sample();
    process.begin_sample(time_ns);
    for pid in 1..12 {
        if (second / 8 + pid).is_multiple_of(5) {
            continue;
        }
        process.instance(|key| {
            key.u64(pid);
            key.u64(pid * 1000);
        });
        process.str(["rustc", "nginx: worker", "größer"][(pid % 3) as usize]);
        process.u64(second * 10_000_000 * pid + word(second, pid) % 1000);
        if second % 9 == 4 {
            process.absent()
        } else {
            process.f64(1.0 / (second + pid) as f64)
        }
        process.bytes(&word(second, pid).to_le_bytes()[..(pid % 5) as usize]);
    }
    process.end_sample();
    for half in 0..2 {
        latency.begin_sample(time_ns + half * (SECOND_NS / 2));
        latency.instance(|key| key.str("vda"));
        let mut histogram = Histogram::new();
        (0..word(second, half) % 20).for_each(|at| histogram.add(word(second, at) % 1_000_000));
        latency.histogram(&histogram);
        latency.end_sample();
    }
    for at in 0..word(second, 11) % 4 {
        event.begin_event(time_ns + at);
        event.u64(1000 + second * 4 + at);
        event.str("true");
        event.bool(at == 2);
        event.end_event();
    }
}
