//! What was pushed is read back bit for bit.

use super::model::{expected, samples, sorted};
use super::support::{bits, config, every_type, open_writer, push, put_sample, rows_of};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn rows_come_back_bit_for_bit_from_blocks_and_journal(
        samples in samples(90, 3_000_000_000),
        per_record in 1usize..20,
        commit_every in 1usize..6,
        fast in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let schema = every_type(if fast { 1_000_000 } else { 1_000_000_000 });
        let mut writer = open_writer(dir.path());
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        let mut time = 1_000_000_000;
        for (number, batch) in samples.chunks(per_record).enumerate() {
            for (step, rows) in batch {
                time += step;
                put_sample(&mut record, time, rows);
            }
            push(&mut writer, &mut record, table);
            if number % commit_every == 0 {
                writer.commit().unwrap();
            }
        }
        writer.commit().unwrap();
        let expected = expected(1_000_000_000, &samples);
        if !expected.is_empty() {
            let (live, problems) = rows_of(dir.path(), "every_type", 1);
            prop_assert!(problems.is_empty(), "while being written: {:?}", problems);
            prop_assert_eq!(bits(&sorted(live)), bits(&expected), "while being written");
        }
        writer.close().unwrap();
        if !expected.is_empty() {
            let (closed, problems) = rows_of(dir.path(), "every_type", 2);
            prop_assert!(problems.is_empty(), "after closing: {:?}", problems);
            prop_assert_eq!(bits(&sorted(closed)), bits(&expected), "after closing");
        }
    }
}

#[test]
fn events_come_back_in_order_even_at_equal_times() {
    let dir = tempfile::tempdir().unwrap();
    let schema = Schema::event("exit", "a test", "processes that ended")
        .key("pid", ColumnType::U64, "number of the process")
        .state("command", ColumnType::String, "name")
        .gauge("usage_ns", ColumnType::U64, unit::NS, "CPU time");
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for event in 0..500u64 {
        record.begin_event(1_000 + event / 7);
        record.u64(event);
        record.str(if event % 2 == 0 { "even" } else { "odd" });
        record.u64(event * event);
        record.end_event();
        if event % 90 == 89 {
            push(&mut writer, &mut record, table);
            writer.commit().unwrap();
        }
    }
    push(&mut writer, &mut record, table);
    writer.close().unwrap();
    let (rows, problems) = rows_of(dir.path(), "exit", 1);
    assert!(problems.is_empty(), "{problems:?}");
    let pids: Vec<&Value> = rows.iter().map(|(_, _, values)| &values[0]).collect();
    assert_eq!(pids, (0..500).map(Value::U64).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(rows[321].2[1], Value::String("odd".into()));
    assert_eq!(rows[321].2[2], Value::U64(321 * 321));
}

#[test]
fn a_table_that_goes_on_at_another_cadence_keeps_what_it_had() {
    let schema = |interval_ns| {
        let mut schema = Schema::sample("cpu", "a test", "Time of the CPU").counter(
            "user_ns",
            unit::NS,
            "running user code",
        );
        schema.interval_ns = interval_ns;
        schema
    };
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let mut record = RecordBuilder::new(&schema(0));
    let mut expected = Vec::new();
    // Every other cadence is one that was there before.
    for (number, interval_ns) in
        [1_000_000, 1_000_000, 50_000_000, 1_000_000].into_iter().enumerate()
    {
        let table = writer.add_table(schema(interval_ns));
        for sample in 0..100 {
            let time = number as u64 * 10_000_000_000 + sample * interval_ns;
            record.begin_sample(time);
            record.u64(sample);
            record.end_sample();
            expected.push((time, vec![], vec![Value::U64(sample)]));
            if sample % 30 == 29 {
                push(&mut writer, &mut record, table);
                writer.commit().unwrap();
            }
        }
        push(&mut writer, &mut record, table);
    }
    writer.commit().unwrap();
    assert_eq!(rows_of(dir.path(), "cpu", 1), (expected.clone(), vec![]), "while it is written");
    writer.close().unwrap();
    assert_eq!(rows_of(dir.path(), "cpu", 2), (expected, vec![]), "after it was closed");
}
