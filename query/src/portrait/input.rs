//! What it read and wrote, and the requests to disks that took long.

use super::ask::{Asker, Wanted};
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use super::told::over;
use super::tops::Tops;
use super::usage::Usage;
use crate::error::QueryError;
use crate::listing::{show_count, show_many};
use nodemon_formats::units::show_size;
use serde_json::{Value, json};

/// Requests to disks that took long.
pub struct SlowIo {
    count: u64,
    longest_ns: u64,
    failed: u64,
    /// By device and operation, with the time that they took together.
    kinds: Tops<(String, String)>,
}

/// Reads its slow requests; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read.
pub fn slow_io(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<SlowIo>, QueryError> {
    let mut slow = SlowIo { count: 0, longest_ns: 0, failed: 0, kinds: Tops::new() };
    let wanted = Wanted {
        table: "slow_io",
        columns: &["pid", "device", "operation", "took_ns", "error"],
        filters: subject.rows(),
        span: subject.window,
        step: None,
    };
    let answer = asker.ask(&wanted, &mut |row| {
        let text = |name| row.text(name).unwrap_or_default();
        let took = row.integer("took_ns").unwrap_or(0);
        slow.count += 1;
        slow.longest_ns = slow.longest_ns.max(took);
        slow.failed += u64::from(!text("error").is_empty());
        slow.kinds.add((text("device"), text("operation")), took, row.time());
    })?;
    Ok(answer.map(|_| slow))
}

/// What it read and wrote, on the page.
pub fn write(usage: Option<&Usage>, slow: Option<&SlowIo>, sheet: &mut Sheet<'_>) {
    let sum = |name| usage.and_then(|usage| usage.sum(name));
    let line = |storage, chars, calls| {
        let parts = [
            sum(storage).map(|bytes| format!("{} of storage", show_size(bytes))),
            sum(chars).map(|bytes| format!("{} of anything", show_size(bytes))),
            sum(calls).map(|calls| show_many(calls, "call")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    sheet.known("read", line("read_bytes", "read_chars", "read_calls"));
    sheet.known("written", line("write_bytes", "write_chars", "write_calls"));
    let cancelled = sum("cancelled_write_bytes").filter(|bytes| *bytes > 0);
    sheet.known("not written", cancelled.map(|bytes| format!("{} were cut off", show_size(bytes))));
    sheet.known("waited", sum("io_delay_ns").map(|ns| format!("{} for block devices", over(ns))));
    let Some(slow) = slow else { return };
    if slow.count == 0 {
        sheet.fact("slow requests", "none");
        return;
    }
    let failed = if slow.failed > 0 { format!(", {} failed", slow.failed) } else { String::new() };
    let longest = over(slow.longest_ns);
    sheet.fact(
        "slow requests",
        &format!("{}, the longest {longest}{failed}", show_count(slow.count)),
    );
    let kinds = slow.kinds.take(MOST);
    for ((device, operation), sum) in &kinds {
        let figures = format!("{:>5} {:>9}", show_count(sum.count), over(sum.weight));
        sheet.item(&figures, &format!("{operation} {device}"));
    }
    sheet.more(slow.kinds.names(), kinds.len(), "kind");
}

/// The same for programs.
pub fn json(usage: Option<&Usage>, slow: Option<&SlowIo>) -> Value {
    let sum = |name| usage.and_then(|usage| usage.sum(name));
    json!({
        "read_bytes": sum("read_bytes"),
        "write_bytes": sum("write_bytes"),
        "cancelled_write_bytes": sum("cancelled_write_bytes"),
        "read_chars_bytes": sum("read_chars"),
        "write_chars_bytes": sum("write_chars"),
        "read_calls": sum("read_calls"),
        "write_calls": sum("write_calls"),
        "block_delay_ns": sum("io_delay_ns"),
        "slow_io": slow.map(SlowIo::json),
    })
}

impl SlowIo {
    fn json(&self) -> Value {
        let kinds = self.kinds.take(MOST).into_iter().map(|((device, operation), sum)| {
            json!({
                "device": device, "operation": operation, "count": sum.count, "took_ns": sum.weight,
            })
        });
        json!({
            "count": self.count,
            "longest_ns": self.longest_ns,
            "failed": self.failed,
            "top": kinds.collect::<Vec<_>>(),
        })
    }
}
