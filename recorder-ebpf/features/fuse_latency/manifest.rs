use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, object};

/// `enum fuse_opcode`.
#[rustfmt::skip]
const OPERATIONS: &[&str] = &[
    "", "lookup", "forget", "getattr", "setattr", "readlink", "symlink", "", "mknod", "mkdir",
    "unlink", "rmdir", "rename", "link", "open", "read", "write", "statfs", "release", "", "fsync",
    "setxattr", "getxattr", "listxattr", "removexattr", "flush", "init", "opendir", "readdir",
    "releasedir", "fsyncdir", "getlk", "setlk", "setlkw", "access", "create", "interrupt", "bmap",
    "destroy", "ioctl", "poll", "notify_reply", "batch_forget", "fallocate", "readdirplus",
    "rename2", "lseek", "copy_file_range", "setupmapping", "removemapping", "syncfs", "tmpfile",
    "statx",
];

pub static FEATURE: Feature = Feature {
    name: "fuse_latency",
    reads: "fuse_request_send, fuse_request_end",
    object: object!("fuse_latency"),
    hooks: &[
        Hook::needed(&[
            Attach::Typed("answered", "fuse_request_end"),
            Attach::Trace("answered_by_module", "fuse", "fuse_request_end"),
            Attach::Probe("answered_by_function", "fuse_request_end"),
        ]),
        Hook::needed(&[
            Attach::Typed("sent", "fuse_request_send"),
            Attach::Trace("sent_by_module", "fuse", "fuse_request_send"),
            Attach::Probe("sent_by_function", "queue_request_and_unlock"),
        ]),
    ],
    sized: &["buckets"],
    tables: &[Table {
        name: "fuse_latency",
        doc: "How long file systems in user space (FUSE) took for requests, from when one was sent \
              until its answer was there.",
        origin: Origin::Histogram("buckets"),
        keys: &[Column::named("operation", Cell::U32, OPERATIONS, "lookup, read, write, ...")],
        values: &[Column::histogram("latency_ns", "ns", "the time that a request took")],
    }],
    ..COMMON
};
