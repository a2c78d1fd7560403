//! What a recording holds, and what may be said of one that is damaged.

use super::seeds::TABLES;
use nodemon_formats::reader::{Chunk, Recording, Rollup, ScanItem, ScanRequest, Summary, Verdict};
use nodemon_formats::value::Value;
use std::collections::HashSet;
use std::path::Path;

/// Rows of every table, those of tiers apart, each as a text.
#[derive(Default)]
pub struct Held {
    /// Rows and steps.
    pub rows: HashSet<String>,
    /// Gaps.
    pub gaps: HashSet<String>,
    /// What is said to be damaged, by who said it.
    pub told: Vec<(String, String)>,
}

fn value(value: &Value) -> String {
    match value {
        Value::F64(double) => format!("f64:{:016x}", double.to_bits()),
        other => format!("{other:?}"),
    }
}

fn note_chunk(chunk: &Chunk, held: &mut Held) {
    for (instance, keys) in chunk.instances.iter().enumerate() {
        let keys: Vec<String> = keys.iter().map(value).collect();
        for row in (0..chunk.rows()).filter(|row| chunk.present[instance].at(*row)) {
            let values: Vec<String> = (0..chunk.selected.len())
                .map(|selected| value(&chunk.value(selected, instance, row)))
                .collect();
            let (table, time) = (&chunk.schema.name, chunk.boot_times[row]);
            held.rows.insert(format!("{table} {time} {keys:?} {values:?}"));
        }
    }
}

/// A step of a tier, instance by instance: which others are beside it in a block, and that one was
/// not there, says nothing.
fn note_step(summary: &Summary, held: &mut Held) {
    let instances = summary.instances.len();
    for (at, keys) in summary.instances.iter().enumerate() {
        let keys: Vec<String> = keys.iter().map(value).collect();
        let is_absent = |selected: usize| summary.columns[selected * instances + at].count == 0;
        if (0..summary.selected.len()).all(is_absent) {
            continue;
        }
        let columns: Vec<String> = (0..summary.selected.len())
            .map(|selected| {
                let known = &summary.columns[selected * instances + at];
                // Where a block has a string is no value: a journal has it elsewhere.
                let column = summary.schema.row_columns().nth(summary.selected[selected]);
                let kind = column.unwrap().kind;
                let word = |word| value(&summary.strings.value(kind, word));
                let (last, min, max) = (word(known.last), word(known.min), word(known.max));
                format!("{} {last} {min} {max} {}", known.count, known.sum.to_bits())
            })
            .collect();
        let (table, times) = (&summary.schema.name, summary.boot_times);
        held.rows.insert(format!("{table} step {times:?} {keys:?} {columns:?}"));
    }
}

fn scan(recording: &Recording, request: ScanRequest, held: &mut Held) {
    let what = format!(
        "scan of {}{}",
        request.table,
        if request.rollup.is_some() { " by step" } else { "" }
    );
    let keeps_rows = request.rollup.is_none();
    let Ok(items) = recording.scan(request) else { return };
    for item in items {
        match item {
            Ok(ScanItem::Chunk(chunk)) if keeps_rows => note_chunk(&chunk, held),
            Ok(ScanItem::Summary(step)) if keeps_rows => note_step(&step, held),
            // What a block says as a whole was checked row by row already.
            Ok(ScanItem::Chunk(_) | ScanItem::Summary(_)) => {}
            Ok(ScanItem::Problem(problem)) | Err(problem) => {
                held.told.push((what.clone(), problem.to_string()));
            }
        }
    }
}

fn everything_of(table: &str) -> ScanRequest {
    ScanRequest {
        table: table.into(),
        from: i64::MIN,
        to: i64::MAX,
        threads: 2,
        ..ScanRequest::default()
    }
}

/// Everything that can be read of the recording or the segment at `path`.
pub fn read(path: &Path, held: &mut Held) {
    let recording = match Recording::open(path) {
        Ok(recording) => recording,
        Err(error) => return held.told.push(("open".into(), error.to_string())),
    };
    for problem in recording.problems() {
        held.told.push(("open".into(), problem.to_string()));
    }
    for table in TABLES {
        scan(&recording, everything_of(table), held);
        let rollup = Some(Rollup { origin: 0, step: 10_000_000_000 });
        scan(&recording, ScanRequest { rollup, ..everything_of(table) }, held);
    }
    match recording.gaps(None, i64::MIN, i64::MAX) {
        Ok(gaps) => held.gaps.extend(gaps.iter().map(|gap| format!("{:?}", gap.gap))),
        Err(error) => held.told.push(("gaps".into(), error.to_string())),
    }
    match recording.damaged_gaps() {
        Ok(problems) => {
            held.told.extend(problems.iter().map(|problem| ("gaps".into(), problem.to_string())));
        }
        Err(error) => held.told.push(("gaps".into(), error.to_string())),
    }
    let told = [recording.segments().map(|_| ()), recording.tables().map(|_| ())];
    for error in told.into_iter().filter_map(Result::err) {
        held.told.push(("listing".into(), error.to_string()));
    }
    for verdict in recording.verify() {
        match verdict {
            Verdict::Segment(segment) => {
                let problems = segment.problems.iter();
                held.told.extend(problems.map(|problem| ("verify".into(), problem.to_string())));
            }
            Verdict::Unreadable(error) => held.told.push(("verify".into(), error.to_string())),
        }
    }
}

/// Everything that was written into a recording: of its segments, and of those of its tiers.
pub fn whole(dir: &Path) -> Held {
    let mut held = Held::default();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        read(&path, &mut held);
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            left.extend(entries.filter(|path| path.is_dir() || path.extension().is_some()));
        }
    }
    assert!(held.told.is_empty(), "{:?}", held.told);
    held
}
