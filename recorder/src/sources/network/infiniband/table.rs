//! The tables `infiniband` and `infiniband_hw`.

use nodemon_formats::schema::unit::{BIT_PER_S, BYTES, COUNT};
use nodemon_formats::{ColumnType, Schema};

/// Data is counted in words of this many bytes.
pub const WORD_BYTES: u64 = 4;

/// What every port may count: the kernel's name, the column, its unit, what it is.
pub const COUNTERS: [(&str, &str, &str, &str); 21] = [
    ("port_rcv_data", "rx_bytes", BYTES, "received, counted in words of 4 bytes"),
    ("port_xmit_data", "tx_bytes", BYTES, "sent, counted in words of 4 bytes"),
    ("port_rcv_packets", "rx_packets", COUNT, "packets received"),
    ("port_xmit_packets", "tx_packets", COUNT, "packets sent"),
    ("unicast_rcv_packets", "rx_unicast_packets", COUNT, "unicast packets received"),
    ("unicast_xmit_packets", "tx_unicast_packets", COUNT, "unicast packets sent"),
    ("multicast_rcv_packets", "rx_multicast_packets", COUNT, "multicast packets received"),
    ("multicast_xmit_packets", "tx_multicast_packets", COUNT, "multicast packets sent"),
    ("port_xmit_wait", "tx_wait", COUNT, "ticks of the port with data to send and no credit"),
    ("port_xmit_discards", "tx_discards", COUNT, "packets not sent: the port is down or congested"),
    ("port_rcv_errors", "rx_errors", COUNT, "packets received in error"),
    (
        "port_rcv_remote_physical_errors",
        "rx_remote_physical_errors",
        COUNT,
        "packets received that a switch had marked as bad",
    ),
    (
        "port_rcv_switch_relay_errors",
        "rx_switch_relay_errors",
        COUNT,
        "packets received that a switch could not forward",
    ),
    ("port_rcv_constraint_errors", "rx_constraint_errors", COUNT, "packets filtered inbound"),
    ("port_xmit_constraint_errors", "tx_constraint_errors", COUNT, "packets filtered outbound"),
    ("symbol_error", "symbol_errors", COUNT, "minor errors on a lane"),
    ("link_error_recovery", "link_error_recoveries", COUNT, "times the link recovered by itself"),
    ("link_downed", "link_downed", COUNT, "times the link failed to recover and went down"),
    (
        "local_link_integrity_errors",
        "local_link_integrity_errors",
        COUNT,
        "times that errors of the local link passed their threshold",
    ),
    (
        "excessive_buffer_overrun_errors",
        "excessive_buffer_overrun_errors",
        COUNT,
        "overruns of the input buffer",
    ),
    ("VL15_dropped", "vl15_dropped", COUNT, "management packets dropped for want of buffers"),
];

/// Their schemas.
pub fn tables() -> Vec<Schema> {
    let keys = |schema: Schema| {
        schema.key("device", ColumnType::String, "name of the device: mlx5_0").key(
            "port",
            ColumnType::U64,
            "number of the port",
        )
    };
    let ports = Schema::sample(
        "infiniband",
        "/sys/class/infiniband/DEVICE/ports/PORT",
        "The ports of RDMA devices, InfiniBand and RoCE alike",
    );
    let ports = keys(ports)
        .state("state", ColumnType::String, "ACTIVE, DOWN, INIT, ARMED, ACTIVE_DEFER")
        .state("physical_state", ColumnType::String, "LinkUp, Polling, Disabled, ... (phys_state)")
        .state("link_layer", ColumnType::String, "InfiniBand or Ethernet")
        .gauge(
            "rate_bit_per_s",
            ColumnType::U64,
            BIT_PER_S,
            "width times speed of the link (rate)",
        );
    let ports = COUNTERS.iter().fold(ports, |schema, (_, column, unit, doc)| {
        let schema = schema.counter(column, *unit, *doc);
        if *unit == BYTES { schema.counted_in(WORD_BYTES) } else { schema }
    });
    let hardware = Schema::sample(
        "infiniband_hw",
        "/sys/class/infiniband/DEVICE/ports/PORT/hw_counters",
        "What the hardware counts besides: out_of_sequence, rnr_nak_retry_err, np_cnp_sent, ... \
         Each driver has its own; counters of a whole device are those of port 0.",
    );
    let hardware = keys(hardware)
        .key("counter", ColumnType::String, "what the driver calls it")
        .counter("value", COUNT, "its value");
    vec![ports, hardware]
}
