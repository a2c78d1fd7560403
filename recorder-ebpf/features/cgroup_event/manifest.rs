use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};

const KINDS: &[&str] = &["made", "removed"];

pub static FEATURE: Feature = Feature {
    name: "cgroup_event",
    reads: "cgroup_mkdir, cgroup_rmdir",
    object: object!("cgroup_event"),
    hooks: &[
        Hook::needed(&[Attach::Typed("made", "cgroup_mkdir")]),
        Hook::wanted(&[Attach::Typed("removed", "cgroup_rmdir")]),
    ],
    precious: "those that were made",
    events_per_s: 100,
    tables: &[Table {
        name: "cgroup_event",
        doc: "Control groups of version 2 that were made and removed, however short they lived: \
              what the numbers in other tables (cgroup_id) are called, and with that which \
              container they were. The first columns are the task that did it.",
        origin: Origin::Events("events"),
        keys: &[Column::named("event", Cell::U32, KINDS, "made or removed")],
        values: columns_of_task![
            Column::id("id", Cell::U64, "the control group, as cgroup_id in other tables"),
            Column::gauge("level", Cell::U32, "", "how far it is below the root"),
            Column::text("path", 512, "its path below the root, cut at 511 bytes"),
        ],
    }],
    ..COMMON
};
