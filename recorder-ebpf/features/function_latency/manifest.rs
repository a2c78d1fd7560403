use crate::feature::{Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, object};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "function_latency",
    reads: "uprobes",
    // It looks at what it is told to look at.
    default_on: false,
    object: object!("function_latency"),
    hooks: &[Hook::needed(&[Attach::Functions("called", "returned")])],
    sized: &["buckets"],
    tables: &[Table {
        name: "function_latency",
        doc: "How long functions of programs and libraries took, from when they were called until \
              they returned, of those functions that the key `functions` names (from 5.15 on); see \
              `nodemon-recorder config`. Off unless it is asked for: 1 to 3 µs in every call, 5 to 12 \
              where the function begins with an instruction that the kernel has to execute by single \
              step, part of which is in its time. Calls within more than 63 others of the thread are \
              lost, and counted. An exception that leaves such a function, or passes it, ends the \
              program, and so may one that switches stacks within it (coroutines): functions of \
              files that can throw are refused unless `throws = \"never\"` is said.",
        origin: Origin::Histogram("buckets"),
        keys: &[
            Column::decoded("function", Cell::U32, names::probed, "as the configuration names it"),
            Column::id("pid", Cell::U32, "number of the process"),
        ],
        values: &[Column::histogram("latency_ns", "ns", "the time that a call took")],
    }],
    ..COMMON
};
