//! How a scan begins: which segments it goes through.

use super::plan::Wanted;
use super::recording::Recording;
use super::ring_choice;
use super::{ReadError, Scan, ScanRequest};
use std::collections::VecDeque;
use std::sync::Arc;

impl Recording {
    /// Starts a scan. Items come in order of time.
    ///
    /// # Errors
    /// [`ReadError::UnknownTable`].
    pub fn scan(&self, request: ScanRequest) -> Result<Scan, ReadError> {
        let schema = self
            .schema(&request.table)
            .ok_or_else(|| ReadError::UnknownTable(request.table.clone()))?;
        let width = schema.row_width();
        let all = || (0..width).collect();
        let mut selected: Vec<usize> = request.columns.clone().unwrap_or_else(all);
        selected.retain(|column| *column < width);
        let mut segments = VecDeque::new();
        for part in ring_choice::parts(self, &schema, &request) {
            let (schema, selected) = (schema.clone(), selected.clone());
            let wanted = Arc::new(Wanted { schema, selected, from: part.from, to: part.to });
            let touched = part.segments.iter().filter(|segment| {
                segment.span_ns.is_some_and(|span| {
                    let span = self.wall_span(segment, span);
                    span.0 < part.to && span.1 >= part.from
                })
            });
            segments.extend(touched.map(|segment| (segment.clone(), wanted.clone())));
        }
        Ok(Scan::new(segments, self.timeline().clone(), &request))
    }
}
