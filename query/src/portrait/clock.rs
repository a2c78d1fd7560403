//! When a process started, on the clock of the wall.

use super::ask::Asker;
use crate::error::QueryError;
use nodemon_formats::reader::{ScanItem, ScanRequest};

/// How far wall time was ahead of `CLOCK_BOOTTIME` at the first sample of a table in a span.
///
/// # Errors
/// When the recording cannot be read.
pub fn offset(asker: &Asker<'_>, table: &str, span: (i64, i64)) -> Result<Option<i64>, QueryError> {
    let request = ScanRequest {
        table: table.to_owned(),
        from: span.0,
        to: span.1,
        columns: Some(Vec::new()),
        ..ScanRequest::default()
    };
    for item in asker.context.recording.scan(request)? {
        let times = match item? {
            ScanItem::Chunk(chunk) => {
                chunk.times.first().copied().zip(chunk.boot_times.first().copied())
            }
            ScanItem::Summary(summary) => Some((summary.times.1, summary.boot_times.1)),
            // Damage is told by whoever reads the rows.
            ScanItem::Problem(_) => None,
        };
        if let Some((wall, boot)) = times {
            return Ok(Some(wall.saturating_sub_unsigned(boot)));
        }
    }
    Ok(None)
}
