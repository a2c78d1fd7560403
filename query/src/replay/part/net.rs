//! `net`

use super::{Part, Row};
use serde_json::{Value, json};

/// What went through one network interface; all a second, `None` where that is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Net {
    /// Its name.
    pub interface: String,
    /// Bytes received.
    pub rx_bytes: Option<f64>,
    /// Bytes sent.
    pub tx_bytes: Option<f64>,
    /// Packets received.
    pub rx_packets: Option<f64>,
    /// Packets sent.
    pub tx_packets: Option<f64>,
    /// Packets dropped on either way.
    pub dropped: Option<f64>,
    /// Packets in error on either way.
    pub errors: Option<f64>,
}

impl Part for Net {
    const TABLE: &'static str = "net";
    const COLUMNS: &'static [&'static str] = &[
        "interface",
        "rx_bytes",
        "tx_bytes",
        "rx_packets",
        "tx_packets",
        "rx_dropped",
        "tx_dropped",
        "rx_errors",
        "tx_errors",
    ];

    fn from_row(row: &Row<'_>) -> Net {
        let both = |rx, tx| Some(row.number(rx)? + row.number(tx)?);
        Net {
            interface: row.text("interface"),
            rx_bytes: row.number("rx_bytes"),
            tx_bytes: row.number("tx_bytes"),
            rx_packets: row.number("rx_packets"),
            tx_packets: row.number("tx_packets"),
            dropped: both("rx_dropped", "tx_dropped"),
            errors: both("rx_errors", "tx_errors"),
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
