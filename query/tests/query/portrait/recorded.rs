//! Two minutes of a few processes that tests know by heart.

use super::happened::others;
use super::stacks::stacks;
use super::table::{MS, Table};
use crate::support::{SECOND_NS, Said, ask, first_boot_time};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Gap, GapCause, Schema};
use std::path::PathBuf;

pub const SECONDS: u64 = 120;
pub const MIB: u64 = 1 << 20;
/// Does something to a terminal, and looks like a line of ours.
pub const HOSTILE: &str = "\x1b[31mR\n-- gap";

pub struct Recorded {
    pub dir: PathBuf,
    pub home: tempfile::TempDir,
}

/// A process in the table of samples.
struct Process {
    pid: u64,
    start_ns: u64,
    /// The seconds at which it is sampled.
    seconds: std::ops::Range<u64>,
    command: &'static str,
    cmdline: String,
    ppid: u64,
    /// CPU time a second, ns.
    cpu_ns: u64,
}

fn process() -> Schema {
    let mut schema = Schema::sample("process", "/proc/PID", "Every process")
        .key("pid", ColumnType::U64, "number")
        .key("start_ns", ColumnType::U64, "when it started")
        .state("command", ColumnType::String, "")
        .state("cmdline", ColumnType::String, "")
        .state("state", ColumnType::String, "")
        .state("ppid", ColumnType::U64, "")
        .state("uid", ColumnType::U64, "")
        .state("cgroup", ColumnType::String, "");
    for name in ["cpu_ns", "user_ns", "system_ns", "run_delay_ns"] {
        schema = schema.counter(name, unit::NS, "");
    }
    for name in ["voluntary_switches", "involuntary_switches", "minor_faults", "major_faults"] {
        schema = schema.counter(name, unit::COUNT, "");
    }
    for name in ["read_bytes", "write_bytes", "read_chars", "write_chars"] {
        schema = schema.counter(name, unit::BYTES, "");
    }
    schema = schema.gauge("threads", ColumnType::U64, unit::COUNT, "").gauge(
        "rss_bytes",
        ColumnType::U64,
        unit::BYTES,
        "",
    );
    schema.interval_ns = SECOND_NS;
    schema
}

/// Its counters grow by the same each second; that of CPU time by 400 ms more at second 40.
fn put_process(record: &mut RecordBuilder, process: &Process, second: u64) {
    let age = second - process.seconds.start;
    record.instance(|key| {
        key.u64(process.pid);
        key.u64(process.start_ns);
    });
    record.str(process.command);
    record.str(&process.cmdline);
    record.str("S");
    record.u64(process.ppid);
    record.u64(1000);
    record.str("/jobs/a");
    let extra = if second >= 40 && process.pid == 100 { 400 * MS } else { 0 };
    let cpu_ns = process.cpu_ns * (age + 1) + extra;
    for value in [cpu_ns, cpu_ns / 4 * 3, cpu_ns / 4, MS * (age + 1)] {
        record.u64(value);
    }
    for each in [10, 2, 100, 3] {
        record.u64(each * (age + 1));
    }
    for each in [4096, 8192, 10_000, 20_000] {
        record.u64(each * (age + 1));
    }
    record.u64(if second == 30 { 8 } else { 3 });
    record.u64((10 + age) * MIB);
}

fn process_event() -> Schema {
    let mut schema = Schema::event("process_event", "a test", "")
        .key("event", ColumnType::String, "")
        .state("cgroup_id", ColumnType::U64, "")
        .state("pid", ColumnType::U64, "")
        .state("command", ColumnType::String, "")
        .state("ppid", ColumnType::U64, "")
        .state("status", ColumnType::U64, "")
        .state("signal", ColumnType::String, "")
        .state("arguments", ColumnType::String, "");
    for name in ["lived_ns", "cpu_ns", "max_rss_bytes"] {
        schema = schema.gauge(name, ColumnType::U64, "", "");
    }
    schema
}

/// An event of a process: what it was, who, whose child, and the arguments of an exec.
fn put_event(
    record: &mut RecordBuilder,
    (event, time): (&str, u64),
    (pid, command, ppid): (u64, &str, u64),
    arguments: &str,
    exit: Option<(u64, &str, [u64; 3])>,
) {
    record.begin_event(time);
    record.str(event);
    record.u64(7);
    record.u64(pid);
    record.str(command);
    record.u64(ppid);
    match exit {
        Some((status, signal, _)) => {
            record.u64(status);
            record.str(signal);
        }
        None => (0..2).for_each(|_| record.absent()),
    }
    if event == "exec" {
        record.str(arguments)
    } else {
        record.absent()
    }
    match exit {
        Some((.., used)) => used.into_iter().for_each(|value| record.u64(value)),
        None => (0..3).for_each(|_| record.absent()),
    }
    record.end_event();
}

/// Writes the recording.
pub fn known() -> Recorded {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(64 << 20)).unwrap();
    let start_ns = first_boot_time();
    let at = |second: u64, ms: u64| start_ns + second * SECOND_NS + ms * MS;
    samples(&mut writer, start_ns, &at);
    events(&mut writer, &at);
    stacks(&mut writer, &at);
    others(&mut writer, &at);
    writer.gap(Gap {
        table: "stack_cpu".into(),
        cause: GapCause::Overrun,
        from_ns: at(60, 0),
        to_ns: at(61, 0),
        lost: 12,
        detail: HOSTILE.into(),
    });
    writer.commit().unwrap();
    writer.close().unwrap();
    Recorded { dir, home }
}

fn samples(writer: &mut RecordingWriter, start_ns: u64, at: &dyn Fn(u64, u64) -> u64) {
    let each = |pid, start_ns, seconds, command, cpu_ms: u64| Process {
        pid,
        start_ns,
        seconds,
        command,
        cmdline: format!("/usr/bin/{command} --fast"),
        ppid: u64::from(pid != 1),
        cpu_ns: cpu_ms * MS,
    };
    let all = 0..SECONDS;
    let rounded = |ns: u64| ns / 10_000_000 * 10_000_000;
    let mut processes = vec![
        each(1, 0, all.clone(), "init", 10),
        each(100, rounded(at(9, 600)), 10..71, "worker", 500),
        each(200, start_ns, all.clone(), "twin", 100),
        each(201, start_ns, all.clone(), "twin", 100),
        each(300, start_ns, all.clone(), "big", 990),
        each(301, start_ns, all.clone(), "big", 10),
        each(400, rounded(at(0, 500)), 1..20, "first", 100),
        each(400, rounded(at(49, 500)), 50..SECONDS, "second", 100),
        each(500, start_ns, all, HOSTILE, 10),
        each(600, rounded(at(99, 0)), 100..SECONDS, "nodemon-recorde", 1),
    ];
    processes[8].cmdline = HOSTILE.repeat(20);
    let mut table = Table::new(writer, process());
    for second in 0..SECONDS {
        table.record.begin_sample(at(second, 0));
        for process in processes.iter().filter(|process| process.seconds.contains(&second)) {
            put_process(&mut table.record, process, second);
        }
        table.record.end_sample();
        if second % 10 == 9 {
            table.push(writer);
            writer.commit().unwrap();
        }
    }
}

fn events(writer: &mut RecordingWriter, at: &dyn Fn(u64, u64) -> u64) {
    let mut table = Table::new(writer, process_event());
    let record = &mut table.record;
    put_event(record, ("fork", at(9, 600)), (100, "init", 1), "", None);
    put_event(record, ("exec", at(9, 601)), (100, "worker", 1), "/usr/bin/worker --fast", None);
    let exit = (0, "", [19_000 * MS, 1_900 * MS, MIB]);
    put_event(record, ("exit", at(19, 500)), (400, "first", 1), "", Some(exit));
    for child in 0..12 {
        put_event(record, ("fork", at(20, child)), (1000 + child, "worker", 100), "", None);
    }
    for child in 0..12 {
        let name = if child == 0 { HOSTILE } else { "helper" };
        put_event(record, ("exec", at(20, 100 + child)), (1000 + child, name, 100), "help", None);
    }
    // Too short for a sample.
    let short = (3, "", [20 * MS, 15 * MS, 2 * MIB]);
    put_event(record, ("exit", at(30, 0)), (700, "brief", 100), "", Some(short));
    let exit = (0, "SIGKILL", [60_900 * MS, 31_000 * MS, 80 * MIB]);
    put_event(record, ("exit", at(70, 500)), (100, "worker", 1), "", Some(exit));
    table.push(writer);
}

/// Asks for a portrait.
pub fn portrait(recorded: &Recorded, args: &[&str]) -> Said {
    ask(&recorded.dir, &[&["portrait"], args].concat())
}

/// The portrait as JSON.
pub fn object(recorded: &Recorded, args: &[&str]) -> serde_json::Value {
    let said = portrait(recorded, &[args, &["-f", "json"]].concat());
    assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    serde_json::from_str(&said.out).unwrap()
}
