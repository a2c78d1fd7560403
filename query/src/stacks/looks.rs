//! What a sample of a table without weights stands for: the time since the one before, where a
//! trigger had samples taken more often, and else the interval of the table.

use crate::span::Span;
use nodemon_formats::Schema;
use nodemon_formats::reader::{ReadError, Recording, ScanItem, ScanRequest};
use std::collections::HashMap;

/// What samples stand for.
#[derive(Default)]
pub struct Looks {
    /// What any stands for that is not among the others.
    usual: u64,
    /// By its time, what a sample stands for that came sooner after the one before, ns.
    short: HashMap<i64, u64>,
}

impl Looks {
    /// Whatever each stands for.
    pub fn all_alike(each: u64) -> Looks {
        Looks { usual: each, short: HashMap::new() }
    }

    /// Those of the table of `schema` within `span`.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn of_table(
        recording: &Recording,
        schema: &Schema,
        span: &Span,
    ) -> Result<Looks, ReadError> {
        let usual = schema.interval_ns;
        let mut looks = Looks::all_alike(usual.max(1));
        let request = ScanRequest {
            table: schema.name.clone(),
            from: span.from.saturating_sub(usual.cast_signed()),
            to: span.to,
            columns: Some(Vec::new()),
            ..ScanRequest::default()
        };
        let mut before: Option<i64> = None;
        for item in recording.scan(request)? {
            // Damage is told by whoever answers.
            let ScanItem::Chunk(chunk) = item? else { continue };
            for time in chunk.times.iter().copied() {
                let passed = before.map_or(0, |before| time.saturating_sub(before));
                before = Some(time);
                // A sample that is a little early stands for as much as any.
                if passed > 0 && passed.unsigned_abs() < usual / 4 * 3 {
                    looks.short.insert(time, passed.unsigned_abs());
                }
            }
        }
        Ok(looks)
    }

    /// What the sample of a time stands for.
    pub fn weight(&self, time: i64) -> u64 {
        if self.short.is_empty() {
            return self.usual;
        }
        self.short.get(&time).copied().unwrap_or(self.usual)
    }
}
