//! Rows of a feature that runs, as people see them.

use nodemon_recorder_ebpf::FeatureError;
use nodemon_recorder_ebpf::feature::{Column, FEATURES, Feature, Place, Show, Table};
use nodemon_recorder_ebpf::load::{Filter, Running, Settings, Statistics};
use nodemon_recorder_ebpf::names::{Names, kernel_frames};
use nodemon_skip::skip;
use std::collections::BTreeMap;

/// One row: what is in each column that is not absent.
pub type Row = BTreeMap<&'static str, Cell>;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Number(u64),
    Text(String),
}

impl Cell {
    pub fn number(&self) -> u64 {
        match self {
            Cell::Number(number) => *number,
            Cell::Text(text) => panic!("{text} is no number"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Cell::Number(number) => panic!("{number} is no text"),
            Cell::Text(text) => text,
        }
    }
}

pub fn feature(name: &str) -> &'static Feature {
    FEATURES.iter().find(|feature| feature.name == name).expect(name)
}

/// Starts a feature; `None` where this kernel does not have or permit it, which is told.
pub fn start(name: &str) -> Option<Running> {
    start_with(name, &Settings::here().unwrap())
}

/// Starts a feature that looks at one interface.
pub fn start_on(name: &str, interface: u32) -> Option<Running> {
    let filter = Filter { interface, ..Filter::default() };
    start_with(name, &Settings { filter, ..Settings::here().unwrap() })
}

pub fn start_with(name: &str, settings: &Settings) -> Option<Running> {
    match Running::start(feature(name), settings) {
        Ok(running) => {
            running.missing().iter().for_each(|missing| println!("{name}: without {missing}"));
            Some(running)
        }
        // What a kernel lacks it may lack. What it refuses is a mistake of ours.
        Err(
            why @ (FeatureError::NoPlace(_)
            | FeatureError::NoTypes(_)
            | FeatureError::NotPermitted(_)),
        ) => {
            skip!("{name}: {why}");
            None
        }
        Err(why) => panic!("{name}: {why}"),
    }
}

/// The rows that a table has now.
pub fn rows(running: &mut Running, feature_name: &str, table_name: &str) -> Vec<Row> {
    let (at, table) = table_of(feature_name, table_name);
    let reader = &mut running.readers()[at];
    let layout = reader.layout.clone();
    let (mut rows, mut names) = (Vec::new(), Names::default());
    reader
        .rows(|row| {
            let mut cells = Row::new();
            let values = if row.values.is_empty() { row.keys } else { row.values };
            put(table.keys, &layout.keys, row.keys, &mut names, &mut cells);
            put(table.values, &layout.values, values, &mut names, &mut cells);
            rows.push(cells);
        })
        .unwrap();
    rows
}

/// How often each value was seen by a table of histograms: keys, the least value of the bucket,
/// the count.
pub fn buckets(
    running: &mut Running,
    feature_name: &str,
    table_name: &str,
) -> Vec<(Row, u64, u64)> {
    let (at, table) = table_of(feature_name, table_name);
    let reader = &mut running.readers()[at];
    let layout = reader.layout.clone();
    let (mut found, mut names) = (Vec::new(), Names::default());
    reader
        .buckets(|keys, bucket, count| {
            let mut cells = Row::new();
            put(table.keys, &layout.keys, keys, &mut names, &mut cells);
            found.push((cells, least_of(bucket), count));
        })
        .unwrap();
    found
}

/// The least value of a bucket.
fn least_of(bucket: u32) -> u64 {
    match bucket {
        0..8 => u64::from(bucket),
        _ => u64::from(8 + bucket % 8) << (bucket / 8 - 1),
    }
}

fn table_of(feature_name: &str, name: &str) -> (usize, &'static Table) {
    let mut tables = feature(feature_name).tables.iter().enumerate();
    tables.find(|(_, table)| table.name == name).expect(name)
}

fn put(columns: &[Column], places: &[Place], bytes: &[u8], names: &mut Names, cells: &mut Row) {
    for (column, place) in columns.iter().zip(places) {
        if let Show::Stack(frames) = column.show {
            let rest = place.rest_of(bytes);
            cells.insert(column.name, Cell::Text(folded(names, &rest[..frames * 8])));
            continue;
        }
        let bytes = place.bytes_of(bytes);
        let number = column.cell.number(bytes);
        let text = |text: &[u8]| Cell::Text(String::from_utf8_lossy(text).into_owned());
        let cell = match column.show {
            Show::Text => text(bytes.split(|byte| *byte == 0).next().unwrap()),
            _ if column.cell.is_absent(bytes) => continue,
            Show::Named(known) => match known.get(number as usize) {
                Some(name) => Cell::Text((*name).to_owned()),
                None => Cell::Number(number),
            },
            Show::Decoded(decode) => {
                let mut shown = Vec::new();
                decode(names, bytes, &mut shown);
                text(&shown)
            }
            _ => Cell::Number(number),
        };
        cells.insert(column.name, cell);
    }
}

/// The functions of a stack of the kernel, from the outermost to the innermost.
pub fn folded(names: &mut Names, frames: &[u8]) -> String {
    let mut functions = Vec::new();
    kernel_frames(names, frames, |frame| functions.push(frame.function.to_owned()));
    functions.join(";")
}

/// While this lives the kernel takes the time of every program.
pub fn take_times() -> Option<Statistics> {
    Statistics::enable().ok()
}

/// Prints what each program of a feature took while times were taken.
pub fn print_cost(running: &Running) {
    for program in running.programs() {
        let Some((runs, ns)) = program.cost() else { continue };
        if let Some(each) = ns.checked_div(runs) {
            println!("{}: {each} ns a run, {runs} runs", program.name);
        }
    }
}
