use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};

pub static FEATURE: Feature = Feature {
    name: "file_descriptor",
    reads: "iter/task_file",
    default_interval_ms: 10_000,
    object: object!("file_descriptor"),
    hooks: &[Hook::needed(&[Attach::Iterator("each", "task_file")])],
    filters: SupportedFilters::NONE,
    tables: &[Table {
        name: "file_descriptor",
        doc: "Open file descriptors of every process that has some, by what they are: what a leak \
              of them is made of, and how near its limit a process is.",
        origin: Origin::Iterator("each"),
        keys: &[
            Column::id("pid", Cell::U32, "the process"),
            Column::instant("start_ns", "when it started, CLOCK_BOOTTIME"),
        ],
        values: &[
            Column::text("command", 16, "name of its first thread"),
            Column::gauge("open", Cell::U64, "count", "open descriptors"),
            Column::gauge(
                "limit",
                Cell::U64,
                "count",
                "most it may have (RLIMIT_NOFILE), none if unlimited",
            ),
            Column::gauge("files", Cell::U64, "count", "those of files and directories"),
            Column::gauge("sockets", Cell::U64, "count", "those of sockets"),
            Column::gauge("pipes", Cell::U64, "count", "those of pipes and FIFOs"),
            Column::gauge("devices", Cell::U64, "count", "those of devices, terminals among them"),
            Column::gauge(
                "anonymous",
                Cell::U64,
                "count",
                "those of what has no name: epoll, eventfd, timerfd, memfd, perf, BPF",
            ),
            Column::gauge("highest", Cell::U64, "count", "the largest number of one"),
        ],
    }],
    ..COMMON
};
