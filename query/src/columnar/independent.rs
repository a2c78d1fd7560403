//! What an independent reader finds in our files: pyarrow, and DuckDB for Parquet.
//!
//! The python3 in `PYTHON` is asked, or the one that `scripts/readers` finds or makes. Where there
//! is none, or it lacks a package, the test says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::arbitrary::{self, Answer};
use super::arrow::ArrowWriter;
use super::parquet::ParquetWriter;
use nodemon_formats::{ColumnType, Value};
use nodemon_skip::skip;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Prints every row of a file, one line each, formatted as [`formatted`] does.
const PRINT: &str = r#"
import struct, sys
import pyarrow as pa, pyarrow.parquet as pq
def formatted(v):
    if v is None: return "-"
    if isinstance(v, float): return struct.pack(">d", v).hex()
    if isinstance(v, bool): return str(v).lower()
    if isinstance(v, (bytes, bytearray)): return "x" + v.hex()
    if isinstance(v, str): return "'" + v
    if isinstance(v, list): return "'" + " ".join("%d:%d" % (b["lower"], b["count"]) for b in v)
    return str(v)
def of_arrow(table):
    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            assert column.type == pa.timestamp("ns", "UTC"), column.type
            column = column.cast(pa.int64())
        columns.append(column.to_pylist())
    return columns
what, path = sys.argv[1:]
if what == "pyarrow":
    columns = of_arrow(pq.read_table(path))
elif what == "stream":
    reader = pa.ipc.open_stream(path)
    batches = []
    while True:
        try: batch, about = reader.read_next_batch_with_custom_metadata()
        except StopIteration: break
        if about is not None: print("gap", about["nodemon.gap"].decode())
        batches.append(batch)
    columns = of_arrow(pa.Table.from_batches(batches, reader.schema))
else:
    import duckdb
    rows = duckdb.sql(f"select * replace (epoch_ns(time) as time) from read_parquet('{path}')").fetchall()
    columns = list(zip(*rows))
for row in zip(*columns):
    print(" ".join(map(formatted, row)))
"#;

/// A python3 that has pyarrow.
fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        if let Ok(python) = std::env::var("PYTHON") {
            return Some(python);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/readers");
        let output = Command::new(script).output().ok()?;
        let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (!path.is_empty()).then_some(path)
    };
    let python = PYTHON.get_or_init(find).as_deref().filter(|python| has(python, "pyarrow"));
    if python.is_none() {
        skip!("there is no python3 with pyarrow and none can be made");
    }
    python
}

/// Whether a python has a module.
fn has(python: &str, module: &str) -> bool {
    let found = Command::new(python).args(["-c", &format!("import {module}")]).output();
    found.is_ok_and(|output| output.status.success())
}

fn printed(python: &str, reader: &str, path: &Path) -> String {
    let output =
        Command::new(python).args(["-c", PRINT, reader]).arg(path).output().expect("python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{reader} cannot read the file: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn formatted(value: &Value) -> String {
    match value {
        Value::Absent => "-".to_owned(),
        Value::F64(number) => format!("{:016x}", number.to_bits()),
        Value::Bytes(_) => format!("x{value}"),
        Value::String(text) => format!("'{text}"),
        value => value.to_string(),
    }
}

fn expected(answer: &Answer) -> String {
    let columns: Vec<Vec<Value>> =
        (0..answer.header.fields.len()).map(|c| answer.values(c)).collect();
    let mut text = String::new();
    for (row, time) in answer.times().iter().enumerate() {
        write!(text, "{time}").unwrap();
        columns.iter().for_each(|column| write!(text, " {}", formatted(&column[row])).unwrap());
        text.push('\n');
    }
    text
}

fn compare(reader: &str, found: &str, expected: &str) {
    assert_eq!(found.lines().count(), expected.lines().count(), "rows that {reader} finds");
    for (row, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "row {row} as {reader} reads it");
    }
}

fn write_parquet(answer: &Answer, path: &Path) {
    let mut writer = ParquetWriter::new(File::create(path).unwrap(), &answer.header, 1).unwrap();
    answer.batches.iter().for_each(|batch| writer.rows(batch).unwrap());
    writer.finish().unwrap();
}

fn write_stream(answer: &Answer, path: &Path) {
    let mut writer = ArrowWriter::new(File::create(path).unwrap(), &answer.header).unwrap();
    writer.gap(&arbitrary::gap()).unwrap();
    answer.batches.iter().for_each(|batch| writer.rows(batch).unwrap());
    writer.finish().unwrap();
}

/// Doubles that are NaN in other ways than one come back as one from python.
fn without_nan(answer: Answer) -> Answer {
    let has_nan = |c: usize| {
        let is_nan = |value: &Value| matches!(value, Value::F64(number) if number.is_nan());
        answer.values(c).iter().any(is_nan)
    };
    let fields = 0..answer.header.fields.len();
    let keep: Vec<usize> = fields.filter(|c| !has_nan(*c)).collect();
    let mut kept = answer.clone();
    kept.header.fields = keep.iter().map(|c| answer.header.fields[*c].clone()).collect();
    for (batch, from) in kept.batches.iter_mut().zip(&answer.batches) {
        batch.columns = keep.iter().map(|c| from.columns[*c].clone()).collect();
    }
    kept
}

#[test]
fn pyarrow_and_duckdb_find_the_values_that_were_written() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::deterministic();
    for round in 0..6 {
        let answer = arbitrary::answer().new_tree(&mut runner).unwrap().current();
        let answer = without_nan(answer);
        if answer.times().is_empty() {
            continue;
        }
        let expected = expected(&answer);
        let path = dir.path().join(format!("{round}.parquet"));
        write_parquet(&answer, &path);
        compare("pyarrow", &printed(python, "pyarrow", &path), &expected);
        if has(python, "duckdb") {
            compare("DuckDB", &printed(python, "duckdb", &path), &expected);
        }
        let path = dir.path().join(format!("{round}.arrows"));
        write_stream(&answer, &path);
        let found = printed(python, "stream", &path);
        let (gap, rows) = found.split_once('\n').unwrap();
        assert!(gap.starts_with("gap {") && gap.contains("\"lost\":12"), "the gap is told: {gap}");
        compare("pyarrow, from the stream,", rows, &expected);
    }
}

#[test]
fn python_sees_our_types_and_the_units_of_columns() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("types.parquet");
    let kinds = [
        ColumnType::U64,
        ColumnType::Bool,
        ColumnType::String,
        ColumnType::Bytes,
        ColumnType::Histogram,
    ];
    let answer = Answer { header: arbitrary::header(&kinds), batches: Vec::new() };
    write_parquet(&answer, &path);
    let script = "import sys, pyarrow.parquet as pq\n\
                  schema = pq.read_schema(sys.argv[1])\n\
                  print([str(t) for t in schema.types])\n\
                  print(schema.field('c0').metadata[b'unit'].decode())\n\
                  print(schema.metadata[b'nodemon.table'].decode())";
    let output = Command::new(python).args(["-c", script]).arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        text,
        "['timestamp[ns, tz=UTC]', 'uint64', 'bool', 'string', 'binary', \
         'list<element: struct<lower: uint64 not null, count: uint64 not null> not null>']\nns\ndisk\n",
        "{errors}"
    );
}
