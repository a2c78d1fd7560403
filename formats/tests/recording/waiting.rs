//! Rows that wait to become a block.

use super::support::{push, rows_of};
use nodemon_formats::Value;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};

/// Tables, of which the first is as wide as ten others.
const TABLES: u64 = 120;
const COLUMNS: u64 = 100;
/// Fewer than a block has of a slow table.
const SECONDS: u64 = 55;

fn columns_of(table: u64) -> u64 {
    if table == 0 { 10 * COLUMNS } else { COLUMNS }
}

fn schema(table: u64) -> Schema {
    let mut schema = Schema::sample(&format!("wide{table:02}"), "a test", "");
    for column in 0..columns_of(table) {
        schema = schema.gauge(&format!("c{column}"), ColumnType::U64, unit::COUNT, "");
    }
    Schema { interval_ns: 1_000_000_000, ..schema }
}

/// A word that takes ten bytes as a change of nothing, and of the word of the second before.
fn word(second: u64, column: u64) -> u64 {
    let far = 5 << 60;
    let from = if second.is_multiple_of(2) { far } else { 0u64.wrapping_sub(far) };
    from.wrapping_add(second * column)
}

/// What such rows take while they wait: of each column of each row its place and its change, where the
/// row ends, its instance; where the row before is; and from the second on that as words, with a bit
/// for each that may be absent.
fn waiting_bytes(columns: u64, rows: u64) -> u64 {
    let words_bytes = 8 * (columns + columns.div_ceil(64));
    let before_bytes = [0, 8, 8 + 8 + words_bytes][rows.min(2) as usize];
    rows * (11 * columns + 1 + 4) + before_bytes
}

#[test]
fn where_many_tables_wait_the_largest_become_blocks_and_every_row_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = WriterOptions::new(64 * LEAST_RING_BYTES);
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let mut tables: Vec<_> = (0..TABLES)
        .map(|table| {
            let schema = schema(table);
            (writer.add_table(schema.clone()), RecordBuilder::new(&schema))
        })
        .collect();
    // The rows that wait of each table: beyond 2 MiB the largest are blocks with the next commit,
    // until half of that is free.
    let (mut waiting, mut blocks) = (vec![0; TABLES as usize], [0, 0]);
    for second in 0..SECONDS {
        for (table, (number, record)) in (0..).zip(&mut tables) {
            record.begin_sample((1 + second) * 1_000_000_000);
            (0..columns_of(table)).for_each(|column| record.u64(word(second, column)));
            record.end_sample();
            push(&mut writer, record, *number);
            waiting[table as usize] += 1;
        }
        writer.commit().unwrap();
        let bytes = |waiting: &[u64], at: usize| waiting_bytes(columns_of(at as u64), waiting[at]);
        let sum = |waiting: &[u64]| (0..waiting.len()).map(|at| bytes(waiting, at)).sum::<u64>();
        if sum(&waiting) > 2 << 20 {
            while sum(&waiting) > 1 << 20 {
                let largest = (0..waiting.len()).max_by_key(|at| bytes(&waiting, *at)).unwrap();
                waiting[largest] = 0;
                blocks[usize::from(largest > 0)] += 1;
            }
        }
        let sum: u64 = blocks.iter().sum();
        assert_eq!(writer.stats().blocks, sum, "at {second} s, where {waiting:?} wait");
    }
    let [wide, others] = blocks;
    assert!(
        (2..10).contains(&wide) && others > 0,
        "{wide} blocks of the wide one, {others} others"
    );
    writer.close().unwrap();
    for table in 0..TABLES {
        let (rows, problems) = rows_of(dir.path(), &format!("wide{table:02}"), 1);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(rows.len() as u64, SECONDS, "rows of table {table}");
        for (second, (_, _, values)) in (0..).zip(&rows) {
            let last = values.last();
            assert_eq!(last, Some(&Value::U64(word(second, columns_of(table) - 1))), "{table}");
        }
    }
}

#[test]
fn a_minute_of_many_instances_that_hardly_change_is_one_block() {
    const INSTANCES: u64 = 1100;
    const WIDTH: u64 = 60;
    let mut schema = Schema::sample("many", "a test", "").key("k", ColumnType::U64, "");
    for column in 0..WIDTH {
        schema = schema.counter(&format!("c{column}"), unit::COUNT, "");
    }
    let schema = Schema { interval_ns: 1_000_000_000, ..schema };
    let dir = tempfile::tempdir().unwrap();
    let options = WriterOptions::new(64 * LEAST_RING_BYTES);
    let mut writer = RecordingWriter::open(dir.path(), options).unwrap();
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let cell = |second: u64, instance: u64, column: u64| {
        let counted = if instance % 50 == column { second } else { 0 };
        1000 * instance + column + counted
    };
    for second in 0..60 {
        record.begin_sample((1 + second) * 1_000_000_000);
        for instance in 0..INSTANCES {
            record.instance(|key| key.u64(instance));
            (0..WIDTH).for_each(|column| record.u64(cell(second, instance, column)));
        }
        record.end_sample();
        push(&mut writer, &mut record, number);
        writer.commit().unwrap();
        assert_eq!(writer.stats().blocks, u64::from(second == 59), "after {} s", second + 1);
    }
    writer.close().unwrap();
    let (rows, problems) = rows_of(dir.path(), "many", 1);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(rows.len() as u64, 60 * INSTANCES);
    for (at, (_, _, values)) in (0..).zip(&rows) {
        let (second, instance) = (at / INSTANCES, at % INSTANCES);
        let expected = |column| Value::U64(cell(second, instance, column));
        let expected: Vec<Value> = (0..WIDTH).map(expected).collect();
        assert_eq!(*values, expected, "instance {instance} at {second} s");
    }
}
