use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, object};
use crate::names;

const SYSCALLS: u32 = 512;

pub static FEATURE: Feature = Feature {
    name: "syscall",
    reads: "sys_exit",
    default_on: false,
    object: object!("syscall"),
    hooks: &[Hook::needed(&[Attach::Typed("returned", "sys_exit")])],
    per_cpu: &[("calls", SYSCALLS)],
    tables: &[Table {
        name: "syscall",
        doc: "System calls, of all processes or of those that the configuration names, as \
              they return: exit never does. Those of programs of 32 bits are one row. \
              Costs some 60 ns a call.",
        origin: Origin::DenseCounters("calls", SYSCALLS),
        keys: &[Column::decoded("syscall", Cell::U32, names::syscall, "its name")],
        values: &[
            Column::counter("calls", "count", "calls that returned"),
            Column::counter("errors", "count", "those of them that returned an error"),
        ],
    }],
    ..COMMON
};
