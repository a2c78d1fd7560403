use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};

/// What gives memory out, and what takes it back.
const fn allocates(function: &'static str, program: &'static str) -> Attach {
    Attach::Call(function, program, Some("allocated"))
}

pub static FEATURE: Feature = Feature {
    name: "stack_alloc",
    reads: "uprobes: malloc, calloc, realloc, free, ...",
    // It looks at one process.
    default_on: false,
    object: object!("stack_alloc"),
    hooks: &[
        // What is freed first: what was allocated before is known to nobody.
        Hook::needed(&[Attach::Call("free", "frees", None)]),
        Hook::needed(&[allocates("malloc", "allocates")]),
        Hook::needed(&[allocates("calloc", "allocates_many")]),
        Hook::needed(&[allocates("realloc", "allocates_again")]),
        Hook::wanted(&[allocates("aligned_alloc", "allocates_aligned")]),
        Hook::wanted(&[allocates("memalign", "allocates_aligned")]),
        Hook::wanted(&[allocates("posix_memalign", "allocates_into")]),
        Hook::wanted(&[allocates("valloc", "allocates")]),
    ],
    awaited: Some("live"),
    // A fifth of them is wanted.
    events_per_s: 200,
    tables: &[Table {
        name: "stack_alloc",
        doc: "Memory that one process (the key `pid`) allocated and did not free within 10 s, or \
              what `min_age` says (from 5.15 on): told when it is that old, with the calls that it \
              was allocated by. One byte of 512 KiB is looked at, or of more where that would be \
              more than about 40 allocations in a second. Every row stands for weight_bytes; sums \
              of that are what was allocated and not freed. It is what malloc, calloc, realloc and \
              their like give out; mmap is left out, and so is what was allocated before. Off \
              unless it is asked for: 1 to 3 µs for each allocation of that process, 0.5 to 1 for each \
              free.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::id("address", Cell::U64, "where it is"),
            Column::gauge("size_bytes", Cell::U64, "bytes", "how much was asked for"),
            Column::gauge("weight_bytes", Cell::U64, "bytes", "the memory that the row stands for"),
            Column::gauge("age_ns", Cell::U64, "ns", "how long ago it was allocated"),
            Column::stack(
                "stack",
                0,
                8,
                "the calls of the program, from the outermost to the one that allocated it"
            ),
        ],
    }],
    ..COMMON
};
