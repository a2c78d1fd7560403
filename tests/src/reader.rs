//! A table of a recording as a map, read through the library.

use nodemon_formats::reader::{Recording, ScanItem, ScanRequest, SegmentSummary, WallGap};
use nodemon_formats::{Value, clock::ClockOffset};
use std::collections::BTreeMap;
use std::path::Path;

/// Every row of a table.
#[derive(Debug)]
pub struct Table {
    /// Names of the row columns.
    pub columns: Vec<String>,
    /// Nanoseconds between two samples.
    pub interval_ns: i64,
    /// Rows by wall time (ns since the epoch) and key values, joined by blanks.
    pub rows: BTreeMap<(i64, String), Vec<Value>>,
    /// What was damaged and is missing.
    pub problems: Vec<String>,
}

impl Table {
    /// Times of the samples, ascending, each once.
    pub fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.rows.keys().map(|(time, _)| *time).collect();
        times.dedup();
        times
    }

    /// The same table, when nothing of it is left.
    pub fn without_rows(&self) -> Table {
        let columns = self.columns.clone();
        let interval_ns = self.interval_ns;
        Table { columns, interval_ns, rows: BTreeMap::new(), problems: Vec::new() }
    }

    /// Position of a column.
    pub fn column(&self, name: &str) -> usize {
        self.columns
            .iter()
            .position(|column| column == name)
            .unwrap_or_else(|| panic!("there is no column {name} among {:?}", self.columns))
    }
}

/// Reads all of a table. Fails the test when there is none, the recording cannot be opened or two rows
/// have the same time and keys; damage inside goes to [`Table::problems`].
pub fn read_table(dir: &Path, name: &str) -> Table {
    find_table(dir, name).unwrap_or_else(|| panic!("there is no table {name}"))
}

/// The same of one that may be gone with all of its rows.
pub fn find_table(dir: &Path, name: &str) -> Option<Table> {
    let recording =
        Recording::open(dir).unwrap_or_else(|why| panic!("cannot open {}: {why}", dir.display()));
    let mut problems: Vec<String> = recording.problems().iter().map(ToString::to_string).collect();
    let schema = recording.schema(name)?;
    let columns = schema.row_columns().map(|column| column.name.clone()).collect();
    let interval_ns = schema.interval_ns.cast_signed();
    let request = ScanRequest {
        table: name.to_owned(),
        from: i64::MIN,
        to: i64::MAX,
        ..ScanRequest::default()
    };
    let mut rows = BTreeMap::new();
    for item in recording.scan(request).expect("the table can be scanned") {
        let chunk = match item.expect("the scan goes on") {
            ScanItem::Chunk(chunk) => chunk,
            ScanItem::Problem(why) => {
                problems.push(why.to_string());
                continue;
            }
            ScanItem::Summary(_) => panic!("a summary came without being asked for"),
        };
        for (instance, keys) in chunk.instances.iter().enumerate() {
            let key = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            for (row, time) in chunk.times.iter().enumerate() {
                if !chunk.present[instance].at(row) {
                    continue;
                }
                let values = (0..chunk.selected.len())
                    .map(|selected| chunk.value(selected, instance, row))
                    .collect();
                let before = rows.insert((*time, key.clone()), values);
                assert!(before.is_none(), "{name} has two rows at {time} for {key:?}");
            }
        }
    }
    Some(Table { columns, interval_ns, rows, problems })
}

/// Wall time of the first and the last row of a recording, ns since the epoch; `None` as long as
/// there is none.
pub fn span(dir: &Path) -> Option<(i64, i64)> {
    Recording::open(dir).ok()?.span()
}

/// How many rows a table has; none as long as it is not known.
pub fn rows_in(dir: &Path, table: &str) -> u64 {
    let table = Recording::open(dir).ok().and_then(|recording| recording.table(table).ok()?);
    table.map_or(0, |table| table.rows)
}

/// Whether a table has rows. It is known before that.
pub fn has_rows(dir: &Path, table: &str) -> bool {
    rows_in(dir, table) > 0
}

/// The segments of a recording, tiers left out, oldest first; none as long as there is none.
pub fn segments(dir: &Path) -> Vec<SegmentSummary> {
    let Ok(recording) = Recording::open(dir) else { return Vec::new() };
    let segments = recording.segments().expect("segments can be told");
    segments.into_iter().filter(|segment| segment.tier_ns == 0).collect()
}

/// The gaps of a table that touch a span.
pub fn gaps(dir: &Path, table: &str, from: i64, to: i64) -> Vec<WallGap> {
    let recording = Recording::open(dir).expect("the recording opens");
    recording.gaps(Some(table), from, to).expect("its gaps can be told")
}

/// The wall clock, ns since the epoch.
pub fn wall_now_ns() -> i64 {
    let now = ClockOffset::now();
    now.from_ns.cast_signed() + now.offset_ns
}
