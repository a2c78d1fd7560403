//! How much there is of a table.

use crate::context::Context;
use crate::error::QueryError;
use nodemon_formats::Schema;
use nodemon_formats::reader::{ScanItem, ScanRequest};
use std::sync::Arc;

/// What there is of a table.
pub struct Measured {
    /// Its newest schema.
    pub schema: Arc<Schema>,
    /// Wall time of the first and the last row, where there are any.
    pub span: Option<(i64, i64)>,
    /// Samples, or events.
    pub rows: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of the blocks.
    pub size_bytes: u64,
    /// Instances in the newest block.
    pub instances: usize,
}

impl Measured {
    /// About how many values there are, if every sample has as many instances as the newest block.
    pub fn values(&self) -> u64 {
        let cells = self.schema.row_width().saturating_mul(self.instances);
        self.rows.saturating_mul(cells as u64)
    }

    /// About how many bytes a value takes.
    pub fn bytes_a_value(&self) -> Option<f64> {
        let values = self.values();
        (values > 0 && self.blocks > 0).then(|| self.size_bytes as f64 / values as f64)
    }
}

/// Measures every table.
///
/// # Errors
/// When an index cannot be read.
pub fn tables(context: &Context) -> Result<Vec<Measured>, QueryError> {
    context.recording.schemas().iter().map(|schema| table(context, schema)).collect()
}

/// Measures a table.
///
/// # Errors
/// When an index cannot be read.
pub fn table(context: &Context, schema: &Arc<Schema>) -> Result<Measured, QueryError> {
    let found = context.recording.table(&schema.name)?;
    let span = found.as_ref().map(|table| table.span);
    let instances = match span {
        Some((_, last)) => newest_instances(context, &schema.name, last)?,
        None => 0,
    };
    Ok(Measured {
        schema: schema.clone(),
        span,
        rows: found.as_ref().map_or(0, |table| table.rows),
        blocks: found.as_ref().map_or(0, |table| table.blocks),
        size_bytes: found.as_ref().map_or(0, |table| table.size_bytes),
        instances,
    })
}

fn newest_instances(context: &Context, table: &str, last: i64) -> Result<usize, QueryError> {
    let request = ScanRequest {
        table: table.to_owned(),
        from: last,
        to: last.saturating_add(1),
        columns: Some(Vec::new()),
        threads: 1,
        ..ScanRequest::default()
    };
    let mut instances = 0;
    for item in context.recording.scan(request)? {
        if let ScanItem::Chunk(chunk) = item? {
            instances = chunk.instances.len();
        }
    }
    Ok(instances)
}
