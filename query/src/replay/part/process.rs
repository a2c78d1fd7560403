//! `process`

use super::{Part, Row};
use serde_json::{Value, json};

/// What one process did; `None` where that is not known, as in its first sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// Its number.
    pub pid: u64,
    /// Name of the program.
    pub command: String,
    /// Its command line; empty for threads of the kernel.
    pub cmdline: String,
    /// `R`, `S`, `D`, ...
    pub state: String,
    /// CPUs that it kept busy.
    pub cpus: Option<f64>,
    /// CPUs that it was ready to use and did not get; above one when several threads waited.
    pub delayed: Option<f64>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<f64>,
    /// Bytes read from storage a second.
    pub read_bytes: Option<f64>,
    /// Bytes written to storage a second.
    pub write_bytes: Option<f64>,
    /// Page faults that waited for I/O, a second.
    pub major_faults: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
}

impl Part for Process {
    const TABLE: &'static str = "process";
    const COLUMNS: &'static [&'static str] = &[
        "pid",
        "command",
        "cmdline",
        "state",
        "cpu_ns",
        "run_delay_ns",
        "rss_bytes",
        "read_bytes",
        "write_bytes",
        "major_faults",
        "threads",
    ];

    fn from_row(row: &Row<'_>) -> Process {
        let cpus = |column| row.number(column).map(|ns_per_s| ns_per_s / 1e9);
        Process {
            pid: row.integer("pid").unwrap_or(0),
            command: row.text("command"),
            cmdline: row.text("cmdline"),
            state: row.text("state"),
            cpus: cpus("cpu_ns"),
            delayed: cpus("run_delay_ns"),
            rss_bytes: row.number("rss_bytes"),
            read_bytes: row.number("read_bytes"),
            write_bytes: row.number("write_bytes"),
            major_faults: row.number("major_faults"),
            threads: row.number("threads"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "pid": self.pid,
            "command": self.command,
            "cmdline": self.cmdline,
            "state": self.state,
            "cpus": self.cpus,
            "delayed_cpus": self.delayed,
            "rss_bytes": self.rss_bytes,
            "read_bytes_per_s": self.read_bytes,
            "write_bytes_per_s": self.write_bytes,
            "major_faults_per_s": self.major_faults,
            "threads": self.threads,
        })
    }
}
