use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

const TYPES: &[&str] = &["", "stream", "dgram", "raw", "rdm", "seqpacket", "dccp"];

pub static FEATURE: Feature = Feature {
    name: "bind",
    reads: "bind(2)",
    // Where the kernel has no fentry every system call pays 60 ns for it.
    default_on: false,
    object: object!("bind"),
    hooks: &[Hook::needed(&[
        Attach::Exit("bound", "__sys_bind"),
        // Sees every system call.
        Attach::Typed("returned", "sys_exit"),
    ])],
    tables: &[Table {
        name: "bind",
        doc: "Addresses of the Internet Protocol that sockets were bound to, and those that they \
              could not be bound to. A port that was left to the kernel is the one it chose. Off \
              unless it is asked for: it costs nothing where the kernel has fentry for it, \
              otherwise some 60 ns in every system call.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::endpoint("local", "address and port"),
            Column::named("type", Cell::U16, TYPES, "of the socket: stream, dgram, raw, ..."),
            Column::id("protocol", Cell::U16, "its number: 6 is TCP, 17 is UDP"),
            Column::decoded("error", Cell::I32, names::error, "why it failed; empty if it did not"),
        ],
    }],
    ..COMMON
};
