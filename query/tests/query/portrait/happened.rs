//! What else happened to the processes: descriptors, connections, slow requests, signals.

use super::recorded::{MIB, SECONDS};
use super::table::{MS, Table, begin, of_task};
use crate::support::SECOND_NS;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::RecordingWriter;
use nodemon_formats::{ColumnType, Schema};

pub fn others(writer: &mut RecordingWriter, at: &dyn Fn(u64, u64) -> u64) {
    let mut active = Schema::sample("thread_active", "a test", "")
        .key("pid", ColumnType::U64, "")
        .key("tid", ColumnType::U64, "")
        .state("state", ColumnType::String, "")
        .state("syscall", ColumnType::String, "")
        .state("wait_channel", ColumnType::String, "");
    active.interval_ns = SECOND_NS;
    let mut table = Table::new(writer, active);
    for second in 0..SECONDS {
        table.record.begin_sample(at(second, 1));
        if (20..25).contains(&second) {
            table.record.instance(|key| {
                key.u64(100);
                key.u64(100);
            });
            let blocked = second < 23;
            table.record.str(if blocked { "blocked" } else { "running" });
            for text in ["read", "io_schedule"] {
                if blocked { table.record.str(text) } else { table.record.absent() }
            }
        }
        table.record.end_sample();
    }
    table.push(writer);
    let mut descriptors = Schema::sample("file_descriptor", "a test", "")
        .key("pid", ColumnType::U64, "")
        .key("start_ns", ColumnType::U64, "");
    for name in ["open", "files", "sockets", "pipes", "devices", "anonymous", "limit"] {
        descriptors = descriptors.gauge(name, ColumnType::U64, unit::COUNT, "");
    }
    descriptors.interval_ns = 10 * SECOND_NS;
    let mut table = Table::new(writer, descriptors);
    for (n, files) in [5, 90, 7].into_iter().enumerate() {
        table.record.begin_sample(at(20 + 10 * n as u64, 2));
        table.record.instance(|key| {
            key.u64(100);
            key.u64(at(9, 600));
        });
        for value in [files + 3, files, 1, 2, 0, 0, 1024] {
            table.record.u64(value);
        }
        table.record.end_sample();
    }
    table.push(writer);
    connections(writer, at);
    happenings(writer, at);
}

fn connections(writer: &mut RecordingWriter, at: &dyn Fn(u64, u64) -> u64) {
    let mut open = Schema::sample("tcp_connection", "a test", "")
        .key("local", ColumnType::String, "")
        .key("remote", ColumnType::String, "")
        .key("net_ns", ColumnType::U64, "")
        .key("inode", ColumnType::U64, "")
        .state("pid", ColumnType::U64, "")
        .state("direction", ColumnType::String, "")
        .state("state", ColumnType::String, "");
    for name in ["bytes_acked", "bytes_received", "retransmits"] {
        open = open.counter(name, unit::COUNT, "");
    }
    open.interval_ns = 10 * SECOND_NS;
    let mut table = Table::new(writer, open);
    for n in 0..2 {
        table.record.begin_sample(at(20 + 10 * n, 3));
        for port in 0..7 {
            table.record.instance(|key| {
                key.str("10.0.0.1:80");
                key.str(&format!("10.0.0.2:{port}"));
                key.u64(1);
                key.u64(50 + port);
            });
            table.record.u64(if port == 6 { 1 } else { 100 });
            table.record.str("accepted");
            table.record.str("established");
            for value in [1000 * port + n, 10, u64::from(port == 5)] {
                table.record.u64(value);
            }
        }
        table.record.end_sample();
    }
    table.push(writer);
    let close = of_task("tcp_close")
        .state("direction", ColumnType::String, "")
        .state("local", ColumnType::String, "")
        .state("remote", ColumnType::String, "")
        .state("net_ns", ColumnType::U64, "")
        .state("state", ColumnType::String, "")
        .state("error", ColumnType::String, "")
        .gauge("bytes_acked", ColumnType::U64, unit::BYTES, "")
        .gauge("bytes_received", ColumnType::U64, unit::BYTES, "")
        .gauge("retransmits", ColumnType::U64, unit::COUNT, "");
    let mut table = Table::new(writer, close);
    begin(&mut table.record, at(40, 0), 100, "worker");
    for text in ["accepted", "10.0.0.1:80", "10.0.0.2:5"] {
        table.record.str(text);
    }
    table.record.u64(1);
    table.record.str("close");
    table.record.str("ECONNRESET");
    for value in [9_000_000, 77, 4] {
        table.record.u64(value);
    }
    table.record.end_event();
    table.push(writer);
}

fn happenings(writer: &mut RecordingWriter, at: &dyn Fn(u64, u64) -> u64) {
    let slow = of_task("slow_io")
        .state("device", ColumnType::String, "")
        .state("operation", ColumnType::String, "")
        .gauge("took_ns", ColumnType::U64, unit::NS, "")
        .state("error", ColumnType::String, "");
    let mut table = Table::new(writer, slow);
    for (n, took) in [60, 250].into_iter().enumerate() {
        begin(&mut table.record, at(25 + n as u64, 0), 100, "worker");
        table.record.str("sda");
        table.record.str("read");
        table.record.u64(took * MS);
        table.record.str("");
        table.record.end_event();
    }
    table.push(writer);
    let signal = of_task("signal")
        .state("signal", ColumnType::String, "")
        .state("target_pid", ColumnType::U64, "")
        .state("target_command", ColumnType::String, "");
    let mut table = Table::new(writer, signal);
    for (second, (pid, name), signal, (target, to)) in [
        (50, (100, "worker"), "SIGUSR1", (1, "init")),
        (51, (1, "init"), "SIGTERM", (100, "worker")),
        (52, (1, "init"), "SIGTERM", (100, "worker")),
    ] {
        begin(&mut table.record, at(second, 0), pid, name);
        table.record.str(signal);
        table.record.u64(target);
        table.record.str(to);
        table.record.end_event();
    }
    table.push(writer);
    let oom = of_task("oom_kill").state("victim_pid", ColumnType::U64, "").gauge(
        "victim_anonymous_bytes",
        ColumnType::U64,
        unit::BYTES,
        "",
    );
    let mut table = Table::new(writer, oom);
    begin(&mut table.record, at(70, 400), 1, "init");
    table.record.u64(100);
    table.record.u64(70 * MIB);
    table.record.end_event();
    table.push(writer);
}
