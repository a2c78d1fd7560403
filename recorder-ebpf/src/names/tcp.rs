//! TCP.

/// States of a connection, by their numbers, as people know them from `ss`.
pub const TCP_STATES: &[&str] = &[
    "",
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_recv",
    "bound_inactive",
];
