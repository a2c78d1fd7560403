//! Its open files, by what they are.

use super::ask::{Asker, Wanted, whole};
use super::sheet::Sheet;
use super::subject::Subject;
use crate::error::QueryError;
use crate::listing::show_count;
use crate::question::Aggregate;
use serde_json::{Map, Value, json};

/// The kinds; the first is all of them.
const KINDS: [&str; 6] = ["open", "files", "sockets", "pipes", "devices", "anonymous"];

/// How many it had open of each kind: first, most, last.
#[derive(Debug, Default)]
pub struct Descriptors {
    kinds: [Option<(u64, u64, u64)>; KINDS.len()],
    limit: Option<u64>,
}

/// Reads them; `None` where there is no sample of it.
///
/// # Errors
/// When the recording cannot be read.
pub fn descriptors(
    asker: &mut Asker<'_>,
    subject: &Subject,
) -> Result<Option<Descriptors>, QueryError> {
    let mut found = None;
    let wanted = Wanted {
        table: "file_descriptor",
        columns: &["open", "files", "sockets", "pipes", "devices", "anonymous", "limit"],
        filters: subject.rows(),
        span: subject.window,
        step: Some((
            false,
            whole(subject.window),
            &[Aggregate::First, Aggregate::Max, Aggregate::Last],
        )),
    };
    asker.ask(&wanted, &mut |row| {
        // This table knows the start to the nanosecond.
        if !subject.began_at(row.integer("start_ns")) {
            return;
        }
        let kinds = KINDS.map(|kind| {
            let level = |aggregate: &str| row.integer(&format!("{kind}_{aggregate}"));
            Some((level("first")?, level("max")?, level("last")?))
        });
        found = Some(Descriptors { kinds, limit: row.integer("limit_last") });
    })?;
    Ok(found)
}

impl Descriptors {
    /// They on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>) {
        let limit = self.limit.map_or(String::new(), |limit| format!(" of {}", show_count(limit)));
        for (kind, levels) in KINDS.iter().zip(self.kinds) {
            let Some((first, most, last)) = levels.filter(|levels| levels.1 > 0) else { continue };
            let of = if *kind == "open" { limit.as_str() } else { "" };
            let [first, most, last] = [first, most, last].map(show_count);
            let kind = if *kind == "open" { "descriptors" } else { kind };
            sheet.fact(kind, &format!("{first} at first, {most} at most, {last} at last{of}"));
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let levels = |levels: Option<(u64, u64, u64)>| {
            levels.map(|(first, most, last)| json!({ "first": first, "max": most, "last": last }))
        };
        let kinds = KINDS.iter().zip(self.kinds);
        let mut kinds: Map<String, Value> =
            kinds.map(|(kind, found)| ((*kind).to_owned(), json!(levels(found)))).collect();
        kinds.insert("limit".to_owned(), json!(self.limit));
        Value::Object(kinds)
    }
}
