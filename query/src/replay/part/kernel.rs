//! `kernel` and `load`

use super::{Part, Row};
use serde_json::{Value, json};

/// What the whole kernel did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kernel {
    /// Context switches a second.
    pub switches: Option<f64>,
    /// Processes and threads started a second.
    pub forks: Option<f64>,
    /// Interrupts a second.
    pub interrupts: Option<f64>,
    /// Tasks that run or are ready to.
    pub running: Option<f64>,
    /// Tasks that wait for I/O.
    pub blocked: Option<f64>,
}

impl Part for Kernel {
    const TABLE: &'static str = "kernel";
    const COLUMNS: &'static [&'static str] =
        &["context_switches", "forks", "interrupts", "running", "blocked"];

    fn from_row(row: &Row<'_>) -> Kernel {
        Kernel {
            switches: row.number("context_switches"),
            forks: row.number("forks"),
            interrupts: row.number("interrupts"),
            running: row.number("running"),
            blocked: row.number("blocked"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "context_switches_per_s": self.switches,
            "forks_per_s": self.forks,
            "interrupts_per_s": self.interrupts,
            "running": self.running,
            "blocked": self.blocked,
        })
    }
}

/// Load averages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Over one, five and fifteen minutes.
    pub averages: [Option<f64>; 3],
    /// Processes and threads that exist.
    pub tasks: Option<f64>,
}

impl Part for Load {
    const TABLE: &'static str = "load";
    const COLUMNS: &'static [&'static str] = &["load1", "load5", "load15", "tasks"];

    fn from_row(row: &Row<'_>) -> Load {
        Load {
            averages: ["load1", "load5", "load15"].map(|column| row.number(column)),
            tasks: row.number("tasks"),
        }
    }

    fn json(&self) -> Value {
        let [load1, load5, load15] = self.averages;
        json!({"load1": load1, "load5": load5, "load15": load15, "tasks": self.tasks})
    }
}
