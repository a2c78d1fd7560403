use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "file_open",
    reads: "open(2), openat(2), openat2(2), creat(2)",
    // Thousands a second are nothing special.
    default_on: false,
    object: object!("file_open"),
    hooks: &[Hook::needed(&[
        Attach::Exit("opened", "do_sys_openat2"),
        // Sees every system call.
        Attach::Typed("returned", "sys_exit"),
    ])],
    tables: &[Table {
        name: "file_open",
        doc: "Files that were opened, and those that could not be. Off unless it is asked for: \
              there are thousands a second, of which the budget lets few through, and where the \
              kernel has no fentry every system call pays some 60 ns.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::decoded("flags", Cell::U64, names::open_flags, "how: rdonly, creat, trunc, ..."),
            Column::decoded("error", Cell::I32, names::error, "why it failed; empty if it did not"),
            Column::text("path", 256, "as the caller named it, cut at 255 bytes"),
        ],
    }],
    ..COMMON
};
