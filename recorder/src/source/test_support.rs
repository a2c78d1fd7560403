//! What tests of sources share: a made-up procfs, a sample as plain rows, the count of allocations.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Context, Descriptor, Sink, Source, SourceError};
use crate::allocations;
use nodemon_formats::record::{RecordBuilder, RecordView};
use nodemon_formats::{Column, ColumnType, Schema, Value};
use rkyv::util::AlignedVec;
use tempfile::TempDir;

/// A directory with `files` (path and text), as both the procfs and the sysfs of the context.
pub fn context(files: &[(&str, &str)]) -> (TempDir, Context) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = dir.path().to_owned();
    (dir, Context { proc: root.clone(), sys: root.clone(), recording: root, ..Context::default() })
}

/// One sample of one table, taken out of its record.
#[derive(Debug)]
pub struct Table {
    pub schema: Schema,
    pub time_ns: u64,
    /// Keys and values of each row.
    pub rows: Vec<(Vec<Value>, Vec<Value>)>,
}

impl Table {
    /// The value of `column` in the row whose keys print as `keys`.
    pub fn value(&self, keys: &[&str], column: &str) -> Value {
        let at = self.schema.values.iter().position(|value| value.name == column);
        let at = at.unwrap_or_else(|| panic!("{} has no column {column}", self.schema.name));
        let row = self.rows.iter().find(|(have, _)| {
            have.iter().map(Value::to_string).eq(keys.iter().map(ToString::to_string))
        });
        let (_, cells) =
            row.unwrap_or_else(|| panic!("no {keys:?} in {}: {:?}", self.schema.name, self.keys()));
        cells[at].clone()
    }

    /// The same, which must be an unsigned integer.
    pub fn u64(&self, keys: &[&str], column: &str) -> u64 {
        match self.value(keys, column) {
            Value::U64(value) => value,
            other => panic!("{column} of {keys:?} is {other:?}"),
        }
    }

    /// The keys of each row as they print, joined by blanks.
    pub fn keys(&self) -> Vec<String> {
        let text =
            |keys: &Vec<Value>| keys.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
        self.rows.iter().map(|(keys, _)| text(keys)).collect()
    }
}

/// The tables of an open source.
pub fn tables_of(descriptor: &Descriptor, source: &dyn Source) -> Vec<Schema> {
    source.feeding().map_or_else(|| (descriptor.tables)(), |feeding| feeding.tables)
}

/// Takes one sample of `source`, whose tables are `schemas`.
pub fn sample(source: &mut dyn Source, schemas: &[Schema]) -> Result<Vec<Table>, SourceError> {
    let mut sink = Sink::new(schemas);
    source.sample(&mut sink)?;
    Ok(schemas.iter().zip(sink.tables()).map(|(schema, table)| taken_out(schema, table)).collect())
}

/// Opens a source within `context` and takes one sample of its only table.
pub fn sample_of(descriptor: &Descriptor, context: &Context) -> Table {
    let mut source = (descriptor.open)(context).unwrap();
    let tables = sample(source.as_mut(), &(descriptor.tables)()).unwrap();
    let [table] = <[Table; 1]>::try_from(tables).expect("the source has one table");
    table
}

/// What stands in `sink`, of each table the first sample.
pub fn all_of(schemas: &[Schema], sink: &mut Sink) -> Vec<Table> {
    schemas.iter().zip(sink.tables()).map(|(schema, table)| first_of(schema, table)).collect()
}

fn taken_out(schema: &Schema, builder: &mut RecordBuilder) -> Table {
    assert_eq!(builder.samples(), 1, "one sample of {}", schema.name);
    first_of(schema, builder)
}

/// The events in a record: keys and values of each.
pub fn events_of(schema: &Schema, builder: &mut RecordBuilder) -> Table {
    let mut bytes = AlignedVec::new();
    builder.finish(0, &mut bytes).unwrap();
    let record = RecordView::access(&bytes, schema.row_width(), schema.key_width()).unwrap();
    let columns: Vec<&Column> = schema.keys.iter().chain(&schema.values).collect();
    let cell = |row: usize, at: usize| {
        let word = record.cells()[row * columns.len() + at].to_native();
        match columns[at].kind {
            _ if record.is_absent(row, at) => Value::Absent,
            ColumnType::String => {
                Value::String(String::from_utf8_lossy(record.string(word as usize)).into_owned())
            }
            kind => Value::from_word(kind, word),
        }
    };
    let row = |row: usize| {
        let mut keys: Vec<Value> = (0..columns.len()).map(|at| cell(row, at)).collect();
        let values = keys.split_off(schema.keys.len());
        (keys, values)
    };
    let time_ns = record.times().first().map_or(0, |time| time.to_native());
    Table { schema: schema.clone(), time_ns, rows: (0..record.rows()).map(row).collect() }
}

fn first_of(schema: &Schema, builder: &mut RecordBuilder) -> Table {
    let mut bytes = AlignedVec::new();
    builder.finish(0, &mut bytes).unwrap();
    let (width, key_width) = (schema.row_width(), schema.key_width());
    let record = RecordView::access(&bytes, width, key_width).unwrap();
    let text = |word: u64| String::from_utf8_lossy(record.string(word as usize)).into_owned();
    let value = |column: &Column, word: u64| match column.kind {
        ColumnType::String => Value::String(text(word)),
        kind => Value::from_word(kind, word),
    };
    let instance_of = |row: usize| match record.row_instances() {
        Some((instances, _)) => instances[row].to_native() as usize,
        None => row,
    };
    let row = |row: usize| {
        let keys = record.keys().iter().skip(instance_of(row) * key_width);
        let keys = schema.keys.iter().zip(keys).map(|(key, word)| value(key, word.to_native()));
        let cells = record.cells().iter().skip(row * width).zip(&schema.values).enumerate();
        let cells = cells.map(|(at, (word, column))| match record.is_absent(row, at) {
            true => Value::Absent,
            false => value(column, word.to_native()),
        });
        (keys.collect(), cells.collect())
    };
    let time_ns = record.times()[0].to_native();
    Table { schema: schema.clone(), time_ns, rows: (0..record.rows()).map(row).collect() }
}

/// [`assert_steady_state_allocates_nothing_in`] this machine.
pub fn assert_steady_state_allocates_nothing(descriptor: &Descriptor) {
    assert_steady_state_allocates_nothing_in(&Context::default(), descriptor);
}

/// Samples the source within `context` until 50 samples in a row, archived five times, allocate
/// nothing: buffers may grow to their working size first, and never again.
pub fn assert_steady_state_allocates_nothing_in(context: &Context, descriptor: &Descriptor) {
    let mut source = match (descriptor.open)(context) {
        Ok(source) => source,
        Err(SourceError::Unavailable { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let tables = tables_of(descriptor, source.as_ref());
    let mut sink = Sink::new(&tables);
    let mut records: Vec<AlignedVec> = tables.iter().map(|_| AlignedVec::new()).collect();
    let mut rounds = [0; 5];
    for round in &mut rounds {
        let before = allocations::count();
        for n in 1..=50 {
            source.sample(&mut sink).unwrap();
            if n % 10 == 0 {
                for (table, record) in sink.tables().iter_mut().zip(&mut records) {
                    table.finish(0, record).unwrap();
                }
            }
        }
        *round = allocations::count() - before;
        if *round == 0 {
            return;
        }
    }
    panic!("{}: allocations in rounds of 50 samples: {rounds:?}", descriptor.name);
}
