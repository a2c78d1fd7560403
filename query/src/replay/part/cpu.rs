//! `cpu`

use super::{Part, Row};
use serde_json::{Value, json};

/// How one CPU, or all of them on average, spent its time; parts of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cpu {
    /// Its number.
    pub cpu: u64,
    /// Running user code, niced or not.
    pub user: f64,
    /// Running the kernel.
    pub system: f64,
    /// Idle while a task waits for I/O.
    pub iowait: f64,
    /// Serving interrupts.
    pub irq: f64,
    /// Serving softirqs.
    pub softirq: f64,
    /// Taken by the hypervisor.
    pub steal: f64,
    /// Idle.
    pub idle: f64,
}

impl Part for Cpu {
    const TABLE: &'static str = "cpu";
    const COLUMNS: &'static [&'static str] = &[
        "cpu",
        "user_ns",
        "nice_ns",
        "system_ns",
        "iowait_ns",
        "irq_ns",
        "softirq_ns",
        "steal_ns",
        "idle_ns",
    ];

    fn from_row(row: &Row<'_>) -> Cpu {
        let number = |column| row.number(column).unwrap_or(0.0);
        let spent = [
            number("user_ns") + number("nice_ns"),
            number("system_ns"),
            number("iowait_ns"),
            number("irq_ns"),
            number("softirq_ns"),
            number("steal_ns"),
            number("idle_ns"),
        ];
        // The kernel counts in ticks, so that the states seldom add up to the time that passed.
        let whole: f64 = if row.number("idle_ns").is_some() { spent.iter().sum() } else { 1e9 };
        let [user, system, iowait, irq, softirq, steal, idle] =
            spent.map(|ns| if whole > 0.0 { ns / whole } else { 0.0 });
        let cpu = row.integer("cpu").unwrap_or(0);
        Cpu { cpu, user, system, iowait, irq, softirq, steal, idle }
    }

    fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "busy_ratio": self.busy(),
            "user_ratio": self.user,
            "system_ratio": self.system,
            "iowait_ratio": self.iowait,
            "irq_ratio": self.irq,
            "softirq_ratio": self.softirq,
            "steal_ratio": self.steal,
            "idle_ratio": self.idle,
        })
    }
}

impl Cpu {
    /// Everything but idle and waiting for I/O.
    pub fn busy(&self) -> f64 {
        self.user + self.system + self.irq + self.softirq + self.steal
    }

    /// Whether anything is known of it: the first sample after a start has no rate.
    pub fn is_known(&self) -> bool {
        self.busy() + self.iowait + self.idle > 0.0
    }

    /// All on average.
    pub fn average(cpus: &[Cpu]) -> Cpu {
        let known = || cpus.iter().filter(|cpu| cpu.is_known());
        let count = known().count().max(1) as f64;
        let average = |share: fn(&Cpu) -> f64| known().map(share).sum::<f64>() / count;
        Cpu {
            cpu: 0,
            user: average(|cpu| cpu.user),
            system: average(|cpu| cpu.system),
            iowait: average(|cpu| cpu.iowait),
            irq: average(|cpu| cpu.irq),
            softirq: average(|cpu| cpu.softirq),
            steal: average(|cpu| cpu.steal),
            idle: average(|cpu| cpu.idle),
        }
    }
}
