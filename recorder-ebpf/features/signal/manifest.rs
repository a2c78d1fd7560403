use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

const ORIGINS: &[&str] = &[
    "process",
    "kernel",
    "thread",
    "queue",
    "timer",
    "message_queue",
    "asynchronous_io",
    "file",
    "other",
];

const RESULTS: &[&str] = &["delivered", "ignored", "already_pending", "overflow", "lost_info"];

pub static FEATURE: Feature = Feature {
    name: "signal",
    reads: "signal_generate",
    object: object!("signal"),
    hooks: &[Hook::needed(&[Attach::Typed("generated", "signal_generate")])],
    tables: &[Table {
        name: "signal",
        doc: "Signals, when they are sent. The first columns are the task that sent it; of those \
              from the kernel, the task that ran. Left out are SIGCHLD, and SIGALRM, SIGURG, \
              SIGVTALRM, SIGPROF and real-time signals that come of timers or that a process sends \
              itself.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::decoded("signal", Cell::U32, names::signal, "its name"),
            Column::id("target_pid", Cell::U32, "the process that it is for"),
            Column::id("target_tid", Cell::U32, "the thread that it is for, or the first one"),
            Column::text("target_command", 16, "name of the program of that thread"),
            Column::named(
                "origin",
                Cell::U32,
                ORIGINS,
                "what sent it: process (kill), kernel (a fault, a limit, a terminal), thread \
                 (tgkill), queue (sigqueue), timer, ...",
            ),
            Column::id("code", Cell::U32, "of the kernel's: why (si_code), as SEGV_MAPERR is 1"),
            Column::named(
                "result",
                Cell::U32,
                RESULTS,
                "delivered, ignored (the target wants none), already_pending, overflow (there were \
                 too many, it is lost), lost_info",
            ),
            Column::flag("is_for_process", Cell::U32, "whether any of its threads may take it"),
        ],
    }],
    ..COMMON
};
