use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, count, object};

const SCOPES: &[&str] = &["machine", "cgroup"];

pub static FEATURE: Feature = Feature {
    name: "direct_reclaim_latency",
    reads: "mm_vmscan_direct_reclaim_*, mm_vmscan_memcg_reclaim_*",
    object: object!("direct_reclaim_latency"),
    hooks: &[
        Hook::needed(&[Attach::Typed("ended", "mm_vmscan_direct_reclaim_end")]),
        Hook::needed(&[Attach::Typed("began", "mm_vmscan_direct_reclaim_begin")]),
        Hook::wanted(&[Attach::Typed("ended_in_group", "mm_vmscan_memcg_reclaim_end")]),
        Hook::wanted(&[Attach::Typed("began_in_group", "mm_vmscan_memcg_reclaim_begin")]),
    ],
    per_cpu: &[("latencies", 512 * count(SCOPES))],
    tables: &[Table {
        name: "direct_reclaim_latency",
        doc: "How long tasks that wanted memory had to free some themselves (direct reclaim), each \
              time.",
        origin: Origin::DenseHistogram("latencies", count(SCOPES)),
        keys: &[Column::named(
            "scope",
            Cell::U32,
            SCOPES,
            "whose memory was short: of the machine, or what a control group may have",
        )],
        values: &[Column::histogram("latency_ns", "ns", "the time that it took")],
    }],
    ..COMMON
};
