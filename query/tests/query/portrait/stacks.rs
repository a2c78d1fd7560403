//! Where the processes were, and what they waited for.

use super::table::{Table, begin, of_task};
use crate::support::SECOND_NS;
use nodemon_formats::ColumnType;
use nodemon_formats::schema::unit;
use nodemon_formats::stack::{Frame, put_frame};
use nodemon_formats::writer::RecordingWriter;

/// The cell of `main;read;[k]vfs_read`: what begins with `[k]` is of the kernel, what begins with
/// `?` has no name.
fn cell(stack: &str) -> Vec<u8> {
    let mut cell = Vec::new();
    for (depth, name) in stack.split(';').enumerate() {
        let in_kernel = name.strip_prefix("[k]");
        let function = in_kernel.unwrap_or(name).as_bytes();
        put_frame(
            &mut cell,
            &Frame {
                function: if name.starts_with('?') { b"" } else { function },
                module: if in_kernel.is_some() { b"[kernel]" } else { b"/usr/bin/worker" },
                build_id: b"",
                offset: 0x1000 + depth as u64,
            },
        );
    }
    cell
}

pub fn stacks(writer: &mut RecordingWriter, at: &dyn Fn(u64, u64) -> u64) {
    let cpu = of_task("stack_cpu").gauge("weight_ns", ColumnType::U64, unit::NS, "").state(
        "stack",
        ColumnType::Stack,
        "",
    );
    let mut table = Table::new(writer, cpu);
    let rows = [
        (100, 3, "main;work;hash"),
        (100, 1, "main;work"),
        (1, 50, "main;other"),
        (100, 4, "main;parse;hash"),
        (100, 2, "main;write;[k]vfs_write"),
    ];
    for (n, (pid, weight, stack)) in rows.into_iter().enumerate() {
        begin(&mut table.record, at(20 + n as u64, 0), pid, "worker");
        table.record.u64(weight * SECOND_NS);
        table.record.stack(&cell(stack));
        table.record.end_event();
    }
    table.push(writer);
    let wait = of_task("stack_wait")
        .state("state", ColumnType::String, "")
        .gauge("weight_ns", ColumnType::U64, unit::NS, "")
        .state("syscall", ColumnType::String, "")
        .state("stack", ColumnType::Stack, "");
    let mut table = Table::new(writer, wait);
    let rows = [
        ("sleeping", 4, "futex", "main;lock_table;?;[k]do_futex;[k]futex_wait"),
        ("blocked_io", 3, "read", "main;load;[k]vfs_read;[k]io_schedule"),
        ("sleeping", 2, "futex", "main;lock_table;?;[k]do_futex;[k]futex_wait"),
        ("runnable", 1, "", "-"),
    ];
    for (n, (state, weight, syscall, stack)) in rows.into_iter().enumerate() {
        begin(&mut table.record, at(20 + n as u64, 0), 100, "worker");
        table.record.str(state);
        table.record.u64(weight * SECOND_NS);
        table.record.str(syscall);
        if stack == "-" {
            table.record.absent()
        } else {
            table.record.stack(&cell(stack))
        }
        table.record.end_event();
    }
    table.push(writer);
}
