//! `process`

use super::{Part, Row};
use serde_json::{Value, json};

/// What one process did.
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
    pub cpus: f64,
    /// CPUs that it was ready to use and did not get; above one when several threads waited.
    pub delayed: f64,
    /// Resident memory, bytes.
    pub rss_bytes: f64,
    /// Bytes read from storage a second.
    pub read_bytes: f64,
    /// Bytes written to storage a second.
    pub write_bytes: f64,
    /// Page faults that waited for I/O, a second.
    pub major_faults: f64,
    /// Threads.
    pub threads: f64,
}

impl Part for Process {
    const TABLE: &'static str = "process";
    const COLUMNS: &'static [&'static str] = &[
        "pid", "command", "cmdline", "state", "cpu_ns", "run_delay_ns", "rss_bytes", "read_bytes",
        "write_bytes", "major_faults", "threads",
    ];

    fn of(row: &Row<'_>) -> Process {
        let number = |column| row.number(column).unwrap_or(0.0);
        Process {
            pid: row.integer("pid").unwrap_or(0),
            command: row.text("command"),
            cmdline: row.text("cmdline"),
            state: row.text("state"),
            cpus: number("cpu_ns") / 1e9,
            delayed: number("run_delay_ns") / 1e9,
            rss_bytes: number("rss_bytes"),
            read_bytes: number("read_bytes"),
            write_bytes: number("write_bytes"),
            major_faults: number("major_faults"),
            threads: number("threads"),
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
