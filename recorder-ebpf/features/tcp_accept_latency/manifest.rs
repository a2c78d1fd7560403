use crate::feature::{Attach, COMMON, Column, Feature, Hook, Origin, Table, object};

pub static FEATURE: Feature = Feature {
    name: "tcp_accept_latency",
    reads: "inet_sock_set_state, accept(2), accept4(2)",
    // Where the kernel has no fentry every system call pays 60 ns for it.
    default_on: false,
    object: object!("tcp_accept_latency"),
    hooks: &[
        Hook::needed(&[Attach::Typed("changed", "inet_sock_set_state")]),
        Hook::needed(&[
            // Refused where there is no fifth argument.
            Attach::Exit("accepted_of_four", "inet_csk_accept"),
            Attach::Exit("accepted_of_two", "inet_csk_accept"),
            // Sees every system call.
            Attach::Typed("returned", "sys_exit"),
        ]),
    ],
    per_cpu: &[("latencies", 512)],
    tables: &[Table {
        name: "tcp_accept_latency",
        doc: "How long TCP connections waited to be accepted: from when they were established \
              until accept(2) returned them. Off unless it is asked for: it costs next to nothing \
              where the kernel has fentry for it, otherwise some 60 ns in every system call.",
        origin: Origin::DenseHistogram("latencies", 1),
        keys: &[],
        values: &[Column::histogram("latency_ns", "ns", "the wait")],
    }],
    ..COMMON
};
