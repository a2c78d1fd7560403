use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, WithoutStorage, columns_of_task, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "slow_syscall",
    reads: "sys_enter, sys_exit",
    // The time of every call has to be taken to find the slow ones.
    default_on: false,
    object: object!("slow_syscall"),
    without_storage: Some(WithoutStorage {
        object: object!("slow_syscall.without_storage"),
        lacks: "times of tasks beyond 16384 at once",
        because: "this kernel keeps nothing with tasks for programs (5.11 does)",
        keeps_under_locks: false,
    }),
    hooks: &[
        Hook::needed(&[Attach::Typed("entered", "sys_enter")]),
        Hook::needed(&[Attach::Typed("returned", "sys_exit")]),
    ],
    tables: &[Table {
        name: "slow_syscall",
        doc: "System calls that took 100 ms or longer, or what the configuration says, when they \
              return. Left out are those that are made to wait: poll, select, epoll_wait, futex, \
              nanosleep, wait, accept, recv, ..., and reads of sockets, pipes, terminals, and of \
              the like of eventfds. Off unless it is asked for: some 200 ns in every call.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::decoded("syscall", Cell::U32, names::syscall, "its name"),
            Column::gauge("took_ns", Cell::U64, "ns", "from when it was called until it returned"),
            Column::gauge("result", Cell::I64, "", "what it returned; 0 when it failed"),
            Column::decoded("error", Cell::I32, names::error, "why it failed; empty if it did not"),
        ],
    }],
    ..COMMON
};
