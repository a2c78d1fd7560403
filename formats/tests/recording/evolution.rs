//! A table that changes between two runs of the recorder, and one that is no more.

use super::support::{open_writer, push, rows_of};
use nodemon_formats::reader::{Recording, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use std::path::Path;

fn disk() -> Schema {
    Schema::sample("disk", "a test", "disks").key("device", ColumnType::String, "name")
}

/// Records one row of `schema` at `time_ns` in a run of its own.
fn run(dir: &Path, schema: &Schema, time_ns: u64, key: &Value, values: &[Value]) {
    let mut writer = open_writer(dir);
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(schema);
    super::support::put_sample(&mut record, time_ns, &[(vec![key.clone()], values.to_vec())]);
    push(&mut writer, &mut record, table);
    writer.close().unwrap();
}

fn sda() -> Value {
    Value::String("sda".into())
}

#[test]
fn columns_that_come_go_and_change_their_type_are_absent_where_they_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let old = disk()
        .counter("reads", unit::COUNT, "completed")
        .state("model", ColumnType::String, "what it is")
        .gauge("busy", ColumnType::F64, unit::RATIO, "how much of the time");
    let new = disk()
        .gauge("busy", ColumnType::U64, unit::NS, "how long")
        .gauge("queue", ColumnType::U64, unit::COUNT, "under way")
        .counter("reads", unit::COUNT, "completed");
    let model = Value::String("spinning rust".into());
    run(dir.path(), &old, 1000, &sda(), &[Value::U64(7), model, Value::F64(0.5)]);
    run(dir.path(), &new, 2000, &sda(), &[Value::U64(50), Value::U64(3), Value::U64(9)]);
    let (rows, problems) = rows_of(dir.path(), "disk", 1);
    assert!(problems.is_empty(), "{problems:?}");
    let values: Vec<&[Value]> = rows.iter().map(|(_, _, values)| &values[..]).collect();
    assert_eq!(
        values,
        [
            &[Value::Absent, Value::Absent, Value::U64(7)],
            &[Value::U64(50), Value::U64(3), Value::U64(9)],
        ]
    );

    let recording = Recording::open(dir.path()).unwrap();
    let mut request = super::support::everything_of("disk", 1);
    request.columns = Some(vec![2, 0, 2]);
    let mut rows = 0;
    for item in recording.scan(request).unwrap() {
        let ScanItem::Chunk(chunk) = item.unwrap() else { panic!("no rows") };
        assert_eq!(chunk.selected, [2, 0, 2]);
        let read: Vec<Value> = (0..3).map(|s| chunk.value(s, 0, 0)).collect();
        let reads = [Value::U64(7), Value::U64(9)][rows].clone();
        assert_eq!(read, [reads.clone(), [Value::Absent, Value::U64(50)][rows].clone(), reads]);
        rows += 1;
    }
    assert_eq!(rows, 2);
}

#[test]
fn rows_under_other_keys_are_told_and_the_newest_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let by_number = Schema::sample("disk", "a test", "disks")
        .key("number", ColumnType::U64, "which")
        .counter("reads", unit::COUNT, "completed");
    let by_name = disk().counter("reads", unit::COUNT, "completed");
    run(dir.path(), &by_number, 1000, &Value::U64(0), &[Value::U64(7)]);
    run(dir.path(), &by_name, 2000, &sda(), &[Value::U64(9)]);
    let (rows, problems) = rows_of(dir.path(), "disk", 1);
    assert_eq!(rows, [(2000, vec![sda()], vec![Value::U64(9)])]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("disk") && problems[0].contains("other keys"), "{problems:?}");
}

#[test]
fn a_table_that_is_recorded_no_more_is_still_there() {
    let dir = tempfile::tempdir().unwrap();
    let gone = disk().counter("reads", unit::COUNT, "completed");
    let other = Schema { name: "other".into(), ..gone.clone() };
    run(dir.path(), &gone, 1000, &sda(), &[Value::U64(7)]);
    run(dir.path(), &other, 2000, &sda(), &[Value::U64(9)]);
    let recording = Recording::open(dir.path()).unwrap();
    let names: Vec<String> =
        recording.tables().unwrap().iter().map(|table| table.schema.name.clone()).collect();
    assert_eq!(names, ["disk", "other"]);
    let (rows, problems) = rows_of(dir.path(), "disk", 1);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(rows, [(1000, vec![sda()], vec![Value::U64(7)])]);
}

#[test]
fn a_table_that_changes_within_one_run_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = disk().counter("reads", unit::COUNT, "completed");
    let new = old.clone().counter("writes", unit::COUNT, "completed");
    let mut writer = open_writer(dir.path());
    let mut time_ns = 1000;
    for schema in [&old, &new, &new] {
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(schema);
        let values: Vec<Value> = schema.values.iter().map(|_| Value::U64(time_ns)).collect();
        super::support::put_sample(&mut record, time_ns, &[(vec![sda()], values)]);
        push(&mut writer, &mut record, table);
        writer.commit().unwrap();
        time_ns += 1000;
    }
    writer.close().unwrap();
    let (rows, problems) = rows_of(dir.path(), "disk", 1);
    assert!(problems.is_empty(), "{problems:?}");
    let values: Vec<&[Value]> = rows.iter().map(|(_, _, values)| &values[..]).collect();
    assert_eq!(
        values,
        [
            &[Value::U64(1000), Value::Absent],
            &[Value::U64(2000), Value::U64(2000)],
            &[Value::U64(3000), Value::U64(3000)],
        ]
    );
}
