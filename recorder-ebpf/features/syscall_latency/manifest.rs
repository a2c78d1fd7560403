use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, WithoutStorage, object};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "syscall_latency",
    reads: "sys_enter, sys_exit",
    // Every call pays for it.
    default_on: false,
    object: object!("syscall_latency"),
    without_storage: Some(WithoutStorage {
        object: object!("syscall_latency.without_storage"),
        lacks: "times of tasks beyond 16384 at once",
        because: "this kernel keeps nothing with tasks for programs (5.11 does)",
        keeps_under_locks: false,
    }),
    hooks: &[
        Hook::needed(&[Attach::Typed("entered", "sys_enter")]),
        Hook::needed(&[Attach::Typed("returned", "sys_exit")]),
    ],
    sized: &["buckets"],
    tables: &[Table {
        name: "syscall_latency",
        doc: "How long system calls took, from when they were called until they returned; those \
              that wait by design, wait. Off unless it is asked for: some 230 ns in every call.",
        origin: Origin::Histogram("buckets"),
        keys: &[Column::decoded("syscall", Cell::U32, names::syscall, "its name")],
        values: &[Column::histogram("latency_ns", "ns", "the time that a call took")],
    }],
    ..COMMON
};
