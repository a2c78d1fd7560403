//! A recording that tests know by heart, and how they ask about it.

use assert_cmd::Command;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Gap, GapCause, Schema};
use std::path::{Path, PathBuf};

pub const SECOND_NS: u64 = 1_000_000_000;
/// Between two samples of `cpu`.
pub const INTERVAL_NS: u64 = SECOND_NS / 10;
/// Samples of `cpu`: 30 s, of which one is a gap.
pub const SAMPLES: u64 = 300;
/// The samples of `cpu` that are missing: the 10th second.
pub const MISSING: std::ops::Range<u64> = 100..110;
/// At this sample the counters of `cpu` begin anew.
pub const RESET: u64 = 205;

/// A recording of 30 s.
pub struct Recorded {
    pub dir: PathBuf,
    /// Wall time of the first sample, ns: 50 ms behind a full ten seconds.
    pub start: i64,
    _home: tempfile::TempDir,
}

pub fn cpu() -> Schema {
    let mut schema = Schema::sample("cpu", "/proc/stat", "Time that each CPU spent in each state")
        .key("cpu", ColumnType::U64, "number of the CPU")
        .counter("user_ns", unit::NS, "running user code")
        .counted_in(10_000_000)
        .counter("system_ns", unit::NS, "running the kernel");
    schema.interval_ns = INTERVAL_NS;
    schema
}

pub fn disk() -> Schema {
    let mut schema = Schema::sample("disk", "/proc/diskstats", "Block devices")
        .key("device", ColumnType::String, "its name")
        .counter("read_bytes", unit::BYTES, "read")
        .gauge("in_flight", ColumnType::U64, unit::COUNT, "requests under way")
        .state("scheduler", ColumnType::String, "of its queue");
    schema.interval_ns = SECOND_NS;
    schema
}

pub fn oom() -> Schema {
    Schema::event("oom", "oom:mark_victim", "Processes that the kernel killed for memory")
        .key("pid", ColumnType::U64, "of the victim")
        .state("command", ColumnType::String, "of the victim")
        .gauge("rss_bytes", ColumnType::U64, unit::BYTES, "that it held")
}

/// The counter `user_ns` of `cpu` in sample `n`: CPU 0 runs half of the time, CPU 1 a quarter.
pub fn user_ns(cpu: u64, n: u64) -> u64 {
    let n = if n >= RESET { n - RESET } else { n };
    n * INTERVAL_NS / (2 * (cpu + 1))
}

/// Writes the recording that tests know by heart.
pub fn record() -> Recorded {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let schemas = [cpu(), disk(), oom()];
    let numbers = schemas.clone().map(|schema| writer.add_table(schema));
    let mut records = schemas.each_ref().map(RecordBuilder::new);
    let start_ns = first_boot_time();
    for n in 0..SAMPLES {
        let time = start_ns + n * INTERVAL_NS;
        if !MISSING.contains(&n) {
            put_cpu(&mut records[0], n, time);
        }
        if n % 10 == 0 {
            put_disk(&mut records[1], n / 10, time);
        }
        if n % 100 == 50 {
            records[2].begin_event(time);
            records[2].u64(1000 + n);
            records[2].str("hog, the \"big\" one");
            records[2].u64(n << 20);
            records[2].end_event();
        }
        if n % 10 == 9 {
            push(&mut writer, &mut records, &numbers);
            writer.commit().unwrap();
        }
    }
    writer.gap(Gap {
        table: "cpu".into(),
        cause: GapCause::Late,
        from_ns: start_ns + (MISSING.start - 1) * INTERVAL_NS,
        to_ns: start_ns + MISSING.end * INTERVAL_NS,
        lost: 10,
        detail: String::new(),
    });
    writer.commit().unwrap();
    writer.close().unwrap();
    let start = ClockOffset::now().offset_ns.saturating_add_unsigned(start_ns);
    Recorded { dir, start: start / 1_000_000 * 1_000_000, _home: home }
}

/// A boot time whose wall time is 50 ms behind a full ten seconds.
pub fn first_boot_time() -> u64 {
    let offset = ClockOffset::now().offset_ns;
    let ten = 10 * SECOND_NS.cast_signed();
    (ten - offset.rem_euclid(ten)).cast_unsigned() + SECOND_NS / 20
}

fn put_cpu(record: &mut RecordBuilder, n: u64, time: u64) {
    record.begin_sample(time);
    for cpu in 0..2 {
        record.instance(|key| key.u64(cpu));
        record.u64(user_ns(cpu, n));
        record.u64(7);
    }
    record.end_sample();
}

/// `sdb` is unplugged for the second ten seconds.
fn put_disk(record: &mut RecordBuilder, second: u64, time: u64) {
    record.begin_sample(time);
    for (number, device) in ["sda", "sdb"].iter().enumerate() {
        if number == 1 && (10..20).contains(&second) {
            continue;
        }
        record.instance(|key| key.str(device));
        record.u64(second * (1 << 20) * (number as u64 + 1));
        record.u64(second % 4);
        if second == 3 { record.absent() } else { record.str("mq-deadline") }
    }
    record.end_sample();
}

fn push(writer: &mut RecordingWriter, records: &mut [RecordBuilder; 3], numbers: &[u32; 3]) {
    for (record, number) in records.iter_mut().zip(numbers) {
        if record.samples() > 0 {
            let mut archive = rkyv::util::AlignedVec::new();
            record.finish(*number, &mut archive).unwrap();
            writer.push(&archive).unwrap();
        }
    }
}

/// The binary, with an environment that tests share.
pub fn query() -> Command {
    let mut command = Command::cargo_bin("nodemon-query").unwrap();
    command.env_remove("NODEMON_DIR").env("TZ", "UTC").env("NO_COLOR", "1");
    command
}

/// What a command printed.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Asks about the recording in `dir`.
pub fn ask(dir: &Path, args: &[&str]) -> Said {
    said(query().arg("--dir").arg(dir).args(args))
}

pub fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Recorded {
    /// Asks, and expects an answer.
    pub fn answer(&self, args: &[&str]) -> String {
        let said = ask(&self.dir, args);
        assert_eq!(said.code, Some(0), "{args:?} said: {}{}", said.out, said.err);
        said.out
    }

    /// Asks for rows as JSON.
    pub fn rows(&self, args: &[&str]) -> Vec<serde_json::Value> {
        let mut all = vec!["range", "-f", "jsonl"];
        all.extend(args);
        self.answer(&all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
