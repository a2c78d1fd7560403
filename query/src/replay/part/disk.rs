//! `disk`

use super::{Part, Row};
use serde_json::{Value, json};

/// What one block device did; `None` where that is not known, as in its first sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    /// Its name.
    pub device: String,
    /// Bytes read a second.
    pub read_bytes: Option<f64>,
    /// Bytes written a second.
    pub write_bytes: Option<f64>,
    /// Reads completed a second.
    pub reads: Option<f64>,
    /// Writes completed a second.
    pub writes: Option<f64>,
    /// How long a request took on average, ns; `None` where none was completed.
    pub await_ns: Option<f64>,
    /// Share of the time with at least one request under way, of one.
    pub util: Option<f64>,
    /// Requests issued and not yet completed.
    pub in_flight: Option<f64>,
}

impl Part for Disk {
    const TABLE: &'static str = "disk";
    const COLUMNS: &'static [&'static str] = &[
        "device",
        "read_bytes",
        "write_bytes",
        "reads_completed",
        "writes_completed",
        "read_time_ns",
        "write_time_ns",
        "io_time_ns",
        "in_flight",
    ];

    fn from_row(row: &Row<'_>) -> Disk {
        let (reads, writes) = (row.number("reads_completed"), row.number("writes_completed"));
        let completed = reads.unwrap_or(0.0) + writes.unwrap_or(0.0);
        let waited_ns = row.number("read_time_ns").zip(row.number("write_time_ns"));
        Disk {
            device: row.text("device"),
            read_bytes: row.number("read_bytes"),
            write_bytes: row.number("write_bytes"),
            reads,
            writes,
            await_ns: waited_ns.filter(|_| completed > 0.0).map(|(r, w)| (r + w) / completed),
            util: row.number("io_time_ns").map(|ns_per_s| (ns_per_s / 1e9).min(1.0)),
            in_flight: row.number("in_flight"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "device": self.device,
            "read_bytes_per_s": self.read_bytes,
            "write_bytes_per_s": self.write_bytes,
            "reads_per_s": self.reads,
            "writes_per_s": self.writes,
            "await_ns": self.await_ns,
            "util_ratio": self.util,
            "in_flight": self.in_flight,
        })
    }
}
