use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};

const KINDS: &[&str] = &[
    "spinlock",
    "rwlock_read",
    "rwlock_write",
    "mutex",
    "rwsem_read",
    "rwsem_write",
    "percpu_rwsem_read",
    "percpu_rwsem_write",
    "rtmutex",
    "semaphore",
];

pub static FEATURE: Feature = Feature {
    name: "stack_lock",
    reads: "contention_begin, contention_end",
    default_on: false,
    object: object!("stack_lock"),
    hooks: &[
        // The end first: what began before is known to nobody.
        Hook::needed(&[Attach::Typed("has_it", "contention_end")]),
        Hook::needed(&[Attach::Typed("waits", "contention_begin")]),
    ],
    // A fifth of them is wanted.
    events_per_s: 200,
    tables: &[Table {
        name: "stack_lock",
        doc: "Waits for locks of the kernel, when they are over (from 5.19 on): those of 1 ms and \
              longer, and shorter ones in proportion to how long they took; where that is more than \
              about 40 a second, all in that proportion. Every row stands for weight_ns; sums of that \
              are the time that was waited. Locks of programs are futex calls in stack_wait.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::named(
                "kind",
                Cell::U32,
                KINDS,
                "what kind of lock: one for which a CPU spins (spinlock, rwlock), or a thread sleeps"
            ),
            Column::id("lock", Cell::U64, "the address of the lock"),
            Column::id(
                "holder_pid",
                Cell::U32,
                "process that had it when the wait began: of a mutex, and of a rwsem that was held for \
                 writing"
            ),
            Column::id("holder_tid", Cell::U32, "thread that had it then"),
            Column::text("holder_command", 16, "name of that thread"),
            Column::gauge("duration_ns", Cell::U64, "ns", "the wait"),
            Column::gauge("weight_ns", Cell::U64, "ns", "the waiting that the row stands for"),
            Column::stack(
                "stack",
                48,
                8,
                "the calls of the program, then those of the kernel, from the outermost to the \
                 innermost: who wanted the lock"
            ),
        ],
    }],
    ..COMMON
};
