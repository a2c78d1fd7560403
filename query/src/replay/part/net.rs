//! `net`

use super::{Part, Row};
use serde_json::{Value, json};

/// What went through one network interface; all a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Net {
    /// Its name.
    pub interface: String,
    /// Bytes received.
    pub rx_bytes: f64,
    /// Bytes sent.
    pub tx_bytes: f64,
    /// Packets received.
    pub rx_packets: f64,
    /// Packets sent.
    pub tx_packets: f64,
    /// Packets dropped on either way.
    pub dropped: f64,
    /// Packets in error on either way.
    pub errors: f64,
}

impl Part for Net {
    const TABLE: &'static str = "net";
    const COLUMNS: &'static [&'static str] = &[
        "interface", "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_dropped",
        "tx_dropped", "rx_errors", "tx_errors",
    ];

    fn of(row: &Row<'_>) -> Net {
        let number = |column| row.number(column).unwrap_or(0.0);
        Net {
            interface: row.text("interface"),
            rx_bytes: number("rx_bytes"),
            tx_bytes: number("tx_bytes"),
            rx_packets: number("rx_packets"),
            tx_packets: number("tx_packets"),
            dropped: number("rx_dropped") + number("tx_dropped"),
            errors: number("rx_errors") + number("tx_errors"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "interface": self.interface,
            "rx_bytes_per_s": self.rx_bytes,
            "tx_bytes_per_s": self.tx_bytes,
            "rx_packets_per_s": self.rx_packets,
            "tx_packets_per_s": self.tx_packets,
            "dropped_per_s": self.dropped,
            "errors_per_s": self.errors,
        })
    }
}
