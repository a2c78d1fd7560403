//! Recordings with stacks.

use crate::support::{SECOND_NS, first_boot_time};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::stack::{Frame, put_frame};
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Gap, GapCause, Schema};
use std::path::PathBuf;

/// Between two samples of `thread_active`.
pub const INTERVAL_NS: u64 = SECOND_NS / 20;

/// A row of `stack_cpu`: who was where, for how long.
#[derive(Clone, Debug)]
pub struct Sample {
    pub command: String,
    pub pid: u64,
    pub weight_ns: u64,
    /// As [`cell`] takes it; none where there is no stack.
    pub stack: Option<String>,
}

pub fn sample(command: &str, pid: u64, weight_ns: u64, stack: &str) -> Sample {
    let stack = (stack != "-").then(|| stack.to_owned());
    Sample { command: command.to_owned(), pid, weight_ns, stack }
}

/// The cell of `main;read;[k]vfs_read`: what begins with `[k]` is of the kernel.
pub fn cell(stack: &str) -> Vec<u8> {
    let mut cell = Vec::new();
    for (depth, name) in stack.split(';').filter(|name| !name.is_empty()).enumerate() {
        let in_kernel = name.strip_prefix("[k]");
        let frame = Frame {
            function: in_kernel.unwrap_or(name).as_bytes(),
            module: if in_kernel.is_some() { b"[kernel]" } else { b"/usr/bin/app" },
            build_id: if in_kernel.is_some() { b"" } else { b"c0ffee" },
            offset: 0x1000 + depth as u64,
        };
        put_frame(&mut cell, &frame);
    }
    cell
}

pub fn stack_cpu() -> Schema {
    Schema::event("stack_cpu", "perf events", "What CPUs were doing")
        .key("cgroup_id", ColumnType::U64, "of the process")
        .key("pid", ColumnType::U64, "of the process")
        .state("command", ColumnType::String, "of the thread")
        .gauge("weight_ns", ColumnType::U64, unit::NS, "that the sample stands for")
        .state("stack", ColumnType::Stack, "where it was")
}

pub fn thread_active() -> Schema {
    let mut schema = Schema::sample("thread_active", "threads", "What threads were doing")
        .key("tid", ColumnType::U64, "of the thread")
        .state("stack", ColumnType::Stack, "where it was");
    schema.interval_ns = INTERVAL_NS;
    schema
}

/// A recording of samples that are a millisecond apart, from 50 ms behind a full ten seconds on.
pub struct Recorded {
    pub dir: PathBuf,
    pub home: tempfile::TempDir,
}

/// Writes a table `stack_event` with a row for each of the cells.
pub fn record_cells(cells: &[Vec<u8>]) -> Recorded {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(64 << 20)).unwrap();
    let schema = Schema::event("stack_event", "a test", "Events that have a stack").state(
        "stack",
        ColumnType::Stack,
        "where it was",
    );
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let start_ns = first_boot_time();
    for (number, cell) in cells.iter().enumerate() {
        record.begin_event(start_ns + number as u64);
        record.stack(cell);
        record.end_event();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.close().unwrap();
    Recorded { dir, home }
}

/// Writes `stack_cpu`, a block each few hundred samples and a gap in which 12 are lost, and
/// `thread_active`: thread 1 is in `a;b` and in `a` by turns, thread 2 nowhere.
pub fn record(samples: &[Sample]) -> Recorded {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let schema = stack_cpu();
    let table = writer.add_table(schema.clone());
    let start_ns = first_boot_time();
    let mut archive = rkyv::util::AlignedVec::new();
    for (part, samples) in samples.chunks(300).enumerate() {
        let mut record = RecordBuilder::new(&schema);
        for (number, sample) in samples.iter().enumerate() {
            record.begin_event(start_ns + (part * 300 + number) as u64 * 1_000_000);
            record.u64(7);
            record.u64(sample.pid);
            record.str(&sample.command);
            record.u64(sample.weight_ns);
            match &sample.stack {
                Some(stack) => record.stack(&cell(stack)),
                None => record.absent(),
            }
            record.end_event();
        }
        record.finish(table, &mut archive).unwrap();
        writer.push(&archive).unwrap();
        writer.commit().unwrap();
    }
    let schema = thread_active();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for number in 0..20 {
        record.begin_sample(start_ns + number * INTERVAL_NS);
        record.instance(|key| key.u64(1));
        record.stack(&cell(if number % 2 == 0 { "a;b" } else { "a" }));
        record.instance(|key| key.u64(2));
        record.absent();
        record.end_sample();
    }
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.gap(Gap {
        table: "stack_cpu".into(),
        cause: GapCause::Overrun,
        from_ns: start_ns + 500_000,
        to_ns: start_ns + 700_000,
        lost: 12,
        detail: String::new(),
    });
    writer.commit().unwrap();
    writer.close().unwrap();
    Recorded { dir, home }
}

/// What most tests ask about: 100 ms of which a half is nginx's.
pub fn known() -> Recorded {
    let ms = 1_000_000;
    record(&[
        sample("nginx", 10, 30 * ms, "_start;main;read;[k]do_syscall;[k]vfs_read"),
        sample("nginx", 11, 15 * ms, "_start;main;parse;parse;parse"),
        sample("nginx", 11, 5 * ms, "_start;main"),
        sample("cron", 12, 40 * ms, "_start;main;read;[k]do_syscall;[k]mutex_lock"),
        sample("cron", 12, 10 * ms, "-"),
    ])
}

/// Samples of many stacks in several blocks, the same every time.
pub fn many() -> Vec<Sample> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut samples = Vec::new();
    for _ in 0..1000 {
        let depth = next(12);
        let calls: Vec<String> = (0..depth).map(|_| format!("f{}", next(4))).collect();
        let stack = if calls.is_empty() { "-".to_owned() } else { calls.join(";") };
        samples.push(sample(&format!("c{}", next(3)), next(5), next(10_000), &stack));
    }
    samples
}
