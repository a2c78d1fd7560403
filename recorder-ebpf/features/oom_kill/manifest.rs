use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, SupportedFilters, Table, columns_of_task, object,
};

pub static FEATURE: Feature = Feature {
    name: "oom_kill",
    reads: "mark_victim",
    object: object!("oom_kill"),
    hooks: &[Hook::needed(&[
        // Refused where the tracepoint has no task, only its number.
        Attach::Typed("marked", "mark_victim"),
        Attach::Entry("marked_by_function", "mark_oom_victim"),
        Attach::Probe("marked_by_probe", "mark_oom_victim"),
        Attach::Typed("marked_by_pid", "mark_victim"),
    ])],
    filters: SupportedFilters::NONE,
    events_per_s: 100,
    tables: &[Table {
        name: "oom_kill",
        doc: "Processes that the kernel killed because memory ran out, on the machine or in a \
              control group. The first columns are the task that asked for memory when none was \
              left, which may be the victim.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::id("victim_pid", Cell::U32, "the process that is killed"),
            Column::text("victim_command", 16, "name of its program"),
            Column::gauge(
                "victim_oom_score_adj",
                Cell::I32,
                "",
                "how its score was adjusted, from -1000 (never) to 1000 (first)",
            ),
            Column::id("victim_cgroup_id", Cell::U64, "its control group (version 2)"),
            Column::pages("victim_virtual_bytes", "its address space"),
            Column::pages("victim_anonymous_bytes", "its resident memory without files behind it"),
            Column::pages("victim_file_bytes", "its resident memory of files"),
            Column::pages("victim_shared_bytes", "its resident memory that is shared"),
            Column::pages("victim_swapped_bytes", "its memory that is in swap"),
        ],
    }],
    ..COMMON
};
