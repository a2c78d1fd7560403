use crate::feature::{
    Attach, COMMON, Cell, Column, Feature, Hook, Origin, Table, columns_of_task, object,
};
use crate::names;

pub static FEATURE: Feature = Feature {
    name: "tcp_event",
    reads: "inet_sock_set_state",
    // Six or more a connection; tcp_close has one.
    default_on: false,
    object: object!("tcp_event"),
    hooks: &[Hook::needed(&[Attach::Typed("changed", "inet_sock_set_state")])],
    tables: &[Table {
        name: "tcp_event",
        doc: "Every change of the state of a TCP connection, of all network namespaces. Those that \
              packets make have no process. Off unless it is asked for: there are six or more a \
              connection, and tcp_close tells what became of it in one.",
        origin: Origin::Events("events"),
        keys: &[],
        values: columns_of_task![
            Column::named("from", Cell::U32, names::TCP_STATES, "the state before"),
            Column::named("to", Cell::U32, names::TCP_STATES, "the state from then on"),
            Column::endpoint("local", "address and port here"),
            Column::endpoint("remote", "address and port of the other side"),
        ],
    }],
    ..COMMON
};
