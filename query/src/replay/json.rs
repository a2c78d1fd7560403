//! A tick as a line of JSON.

use super::distribution::Distribution;
use super::frame::{Frame, Order};
use super::part::{Part, Process};
use crate::sink::jsonl::escape;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Of processes those are told that used most CPU time, so many, and as many that hold most memory.
const TOP_PROCESSES: usize = 20;

/// One object, and the end of the line. Tables that have no rows in the tick are empty or null.
pub fn line(frame: &Frame, host: &str) -> String {
    let mut text = json!({
        "time": instant(frame.from),
        "step_ns": frame.to - frame.from,
        "host": host,
        "load": first(&frame.load),
        "kernel": first(&frame.kernel),
        "cpu": all(&frame.cpus),
        "memory": first(&frame.memory),
        "pressure": all(&frame.pressure),
        "disk": all(&frame.disks),
        "net": all(&frame.nets),
        "process": processes(frame),
        "histogram": frame.histograms.iter().map(Distribution::json).collect::<Vec<_>>(),
        "event": frame.events.iter().map(|event| json!({
            "time": instant(event.time), "table": event.table, "text": event.text,
        })).collect::<Vec<_>>(),
        "gap": frame.gaps.iter().map(|gap| json!({
            "table": gap.table,
            "from": instant(gap.missing.from),
            "to": instant(gap.missing.to),
            "cause": gap.missing.cause.phrase(),
            "lost": gap.missing.lost,
            "detail": gap.missing.detail,
        })).collect::<Vec<_>>(),
    })
    .to_string();
    if let Cow::Owned(escaped) = escape(&text) {
        text = escaped;
    }
    text.push('\n');
    text
}

/// RFC 3339 in UTC, to the nanosecond.
fn instant(ns: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
    format!("{time:.9}")
}

fn first(parts: &[impl Part]) -> Value {
    parts.first().map_or(Value::Null, Part::json)
}

fn all(parts: &[impl Part]) -> Value {
    Value::Array(parts.iter().map(Part::json).collect())
}

fn processes(frame: &Frame) -> Value {
    let by_cpu = frame.top(Order::Cpu);
    let by_memory = frame.top(Order::Memory);
    let mut told: Vec<&Process> = by_cpu.into_iter().take(TOP_PROCESSES).collect();
    for process in by_memory.into_iter().take(TOP_PROCESSES) {
        if !told.iter().any(|known| std::ptr::eq(*known, process)) {
            told.push(process);
        }
    }
    Value::Array(told.into_iter().map(Part::json).collect())
}
