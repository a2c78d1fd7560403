use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, object};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "shrink_latency",
    reads: "mm_shrink_slab_start, mm_shrink_slab_end",
    object: object!("shrink_latency"),
    hooks: &[
        Hook::needed(&[Attach::Typed("ended", "mm_shrink_slab_end")]),
        Hook::needed(&[Attach::Typed("started", "mm_shrink_slab_start")]),
    ],
    sized: &["buckets"],
    tables: &[Table {
        name: "shrink_latency",
        doc: "How long caches of the kernel took to give memory back when it was short, each time \
              that one was asked.",
        origin: Origin::Histogram("buckets"),
        keys: &[Column::decoded(
            "shrinker",
            Cell::U64,
            names::function,
            "the function of the kernel that gives it back, which tells the cache: \
             super_cache_scan is that of inodes and directory entries",
        )],
        values: &[Column::histogram("latency_ns", "ns", "the time that it took")],
    }],
    ..COMMON
};
