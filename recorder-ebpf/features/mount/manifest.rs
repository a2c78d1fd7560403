use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

const KINDS: &[&str] = &["mount", "move", "unmount"];

pub static FEATURE: Feature = Feature {
    name: "mount",
    reads: "mount(2), move_mount(2), umount(2)",
    // Where the kernel has no fentry every system call pays 60 ns for it.
    default_on: false,
    object: object!("mount"),
    hooks: &[
        Hook::needed(&[
            Attach::Exit("mounted", "__x64_sys_mount"),
            Attach::Exit("mounted", "__arm64_sys_mount"),
            // Sees every system call.
            Attach::Typed("returned", "sys_exit"),
        ]),
        Hook::wanted(&[
            Attach::With("returned"),
            Attach::Exit("unmounted", "__x64_sys_umount"),
            Attach::Exit("unmounted", "__arm64_sys_umount"),
        ]),
        Hook::wanted(&[
            Attach::With("returned"),
            Attach::Exit("moved", "__x64_sys_move_mount"),
            Attach::Exit("moved", "__arm64_sys_move_mount"),
        ]),
    ],
    tables: &[Table {
        name: "mount",
        doc: "File systems that were mounted, moved and unmounted, and those that could not be. Off \
              unless it is asked for: it costs nothing where the kernel has fentry for it, otherwise \
              some 60 ns in every system call.",
        origin: Origin::Events("events"),
        keys: &[Column::named("event", Cell::U32, KINDS, "mount, move or unmount")],
        values: columns_of_task![
            Column::text("target", 128, "where, as the caller named it"),
            Column::text("source", 128, "what: a device, an export, a directory, a name"),
            Column::text("type", 32, "the type of file system; empty where the caller gave none"),
            Column::decoded(
                "flags",
                Cell::U64,
                names::mount_flags,
                "how: ro, nosuid, bind, remount, ... with mount; force, detach, ... with unmount",
            ),
            Column::decoded("error", Cell::I32, names::error, "why it failed; empty if it did not"),
        ],
    }],
    ..COMMON
};
