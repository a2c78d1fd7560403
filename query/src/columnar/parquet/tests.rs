//! What is written is read back by the `parquet` crate's reader. Other readers have their say in
//! the tests on the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::ParquetWriter;
use crate::columnar::arbitrary::{self, Answer, same, values_of};
use crate::rows::{Batch, BatchColumn, Bitmap};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use bytes::Bytes;
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Value};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;

fn write(answer: &Answer, threads: usize) -> Bytes {
    let mut writer = ParquetWriter::new(Vec::new(), &answer.header, threads).unwrap();
    answer.batches.iter().for_each(|batch| writer.rows(batch).unwrap());
    writer.gap(&arbitrary::gap());
    writer.finish().unwrap();
    std::mem::take(writer.inner_mut()).into()
}

fn open(file: Bytes) -> SerializedFileReader<Bytes> {
    let properties = ReaderProperties::builder().build();
    let options =
        ReadOptionsBuilder::new().with_page_index().with_reader_properties(properties).build();
    SerializedFileReader::new_with_options(file, options).unwrap()
}

/// The file as batches of Arrow.
fn read(file: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn check(answer: &Answer, file: Bytes) -> Result<(), TestCaseError> {
    let batches = read(file.clone());
    let file = open(file);
    let times: Vec<i64> = batches
        .iter()
        .flat_map(|b| b.column(0).as_primitive::<TimestampNanosecondType>().values().to_vec())
        .collect();
    prop_assert_eq!(times, answer.times());
    let mut leaf = 1;
    for (c, field) in answer.header.fields.iter().enumerate() {
        let expected = answer.values(c);
        let found: Vec<Value> =
            batches.iter().flat_map(|b| values_of(b.column(c + 1), field.kind)).collect();
        prop_assert_eq!(found.len(), expected.len(), "rows of {} {:?}", field.name, field.kind);
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert!(
                same(found, expected),
                "row {row} of {:?}: wrote {expected:?}, read {found:?}",
                field.kind
            );
        }
        if field.kind == ColumnType::Histogram {
            leaf += 2;
        } else {
            check_statistics(&file, leaf, field.kind, &expected)?;
            leaf += 1;
        }
    }
    Ok(())
}

/// Statistics must not lie: readers leave out what they rule out.
fn check_statistics(
    file: &SerializedFileReader<Bytes>,
    c: usize,
    kind: ColumnType,
    values: &[Value],
) -> Result<(), TestCaseError> {
    let mut rest = values;
    for group in file.metadata().row_groups() {
        let (values, later) = rest.split_at(group.num_rows() as usize);
        rest = later;
        let statistics = group.column(c).statistics().unwrap();
        let absent = values.iter().filter(|value| **value == Value::Absent).count() as u64;
        prop_assert_eq!(statistics.null_count_opt(), Some(absent), "null count of {:?}", kind);
        let (min, max) = match (kind, statistics) {
            (ColumnType::U64, Statistics::Int64(s)) => {
                let unsigned = |v: Option<&i64>| v.map(|v| v.cast_unsigned() as f64);
                (unsigned(s.min_opt()), unsigned(s.max_opt()))
            }
            (_, Statistics::Int64(s)) => {
                (s.min_opt().map(|v| *v as f64), s.max_opt().map(|v| *v as f64))
            }
            (_, Statistics::Double(s)) => (s.min_opt().copied(), s.max_opt().copied()),
            _ => continue,
        };
        let numbers = || values.iter().filter_map(Value::as_f64).filter(|number| !number.is_nan());
        let expected = (numbers().reduce(f64::min), numbers().reduce(f64::max));
        prop_assert_eq!((min, max), expected, "statistics of {:?}", kind);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_of_every_type_is_read_back_as_it_was_written(
        answer in arbitrary::answer(),
        threads in 1usize..4,
    ) {
        check(&answer, write(&answer, threads))?;
    }
}

/// Rows enough for several row groups of a wide table, in batches that do not divide them.
fn long_answer() -> Answer {
    let kinds = [ColumnType::U64, ColumnType::String, ColumnType::F64];
    let batch = |b: usize| {
        let rows = b * 7_001..(b + 1) * 7_001;
        let mut batch =
            Batch { times: rows.clone().map(|r| r as i64 * 1000).collect(), ..Batch::default() };
        let names: Vec<u32> =
            (0..5).map(|d| batch.strings.intern(format!("sd{d}").as_bytes())).collect();
        let column = |words: Vec<u64>, present| BatchColumn { words, present };
        batch.columns = vec![
            column(rows.clone().map(|r| r as u64 * r as u64 / 7).collect(), None),
            column(rows.clone().map(|r| u64::from(names[r % 5])).collect(), None),
            column(
                rows.clone().map(|r| (r as f64 / 3.0).to_bits()).collect(),
                (b > 33).then(|| Bitmap::from_fn(7_001, |row| row % 1000 > 3)),
            ),
        ];
        batch
    };
    Answer { header: arbitrary::header(&kinds), batches: (0..200).map(batch).collect() }
}

#[test]
fn a_long_answer_spans_row_groups_and_pages_and_a_reader_can_find_its_rows_by_time() {
    let answer = long_answer();
    let bytes = write(&answer, 2);
    check(&answer, bytes.clone()).unwrap();
    let file = open(bytes);
    let metadata = file.metadata();
    assert_eq!(metadata.num_row_groups(), 2, "1.4 M rows are more than one row group");
    let group = metadata.row_group(0);
    let encodings: Vec<_> =
        (0..4).map(|c| group.column(c).encodings().collect::<Vec<_>>()).collect();
    assert!(encodings[0].contains(&Encoding::DELTA_BINARY_PACKED), "time is {:?}", encodings[0]);
    assert!(encodings[1].contains(&Encoding::DELTA_BINARY_PACKED), "u64 is {:?}", encodings[1]);
    assert!(encodings[2].contains(&Encoding::RLE_DICTIONARY), "string is {:?}", encodings[2]);
    assert_eq!(group.sorting_columns().unwrap()[0].column_idx, 0, "rows are sorted by time");
    let index = metadata.page_index_for_row_group(0);
    let pages = index.column_index(0).expect("pages of the time say what they span");
    assert!(pages.num_pages() > 40, "{} pages for a million rows", pages.num_pages());
    assert!(pages.is_sorted(), "pages of the time are in order");
}

#[test]
fn several_threads_write_the_same_bytes_as_one() {
    let kinds = [ColumnType::U64; 64];
    let mut batch = Batch { times: (0..5_000).collect(), ..Batch::default() };
    batch.columns = (1..=64)
        .map(|c| BatchColumn { words: (0..5_000).map(|r| r * r / c).collect(), present: None })
        .collect();
    let answer = Answer { header: arbitrary::header(&kinds), batches: vec![batch; 9] };
    let one = write(&answer, 1);
    check(&answer, one.clone()).unwrap();
    for threads in [2, 3, 64, 100] {
        assert!(one == write(&answer, threads), "{threads} threads write something else");
    }
}

#[test]
fn an_endpoint_is_also_an_address_and_a_port_in_the_file() {
    let mut answer =
        Answer { header: arbitrary::header(&[ColumnType::String]), batches: Vec::new() };
    answer.header.fields[0].name = "remote".into();
    answer.header.fields[0].unit = unit::ENDPOINT.into();
    let texts = ["192.0.2.1:80", "[2001:db8::1]:443", "none", "192.0.2.1:80"];
    let mut batch = Batch { times: vec![1, 2, 3, 4], ..Batch::default() };
    let words = texts.map(|text| u64::from(batch.strings.intern(text.as_bytes()))).to_vec();
    let present = Some(Bitmap::from_fn(4, |row| row != 3));
    batch.columns.push(BatchColumn { words, present });
    answer.batches.push(batch);

    let batch = &read(write(&answer, 1))[0];
    let found = |name: &str, kind| values_of(batch.column_by_name(name).unwrap(), kind);
    let text = |text: &str| Value::String(text.to_owned());
    assert_eq!(
        found("remote_address", ColumnType::String),
        [text("192.0.2.1"), text("2001:db8::1"), Value::Absent, Value::Absent]
    );
    assert_eq!(
        found("remote_port", ColumnType::U64),
        [Value::U64(80), Value::U64(443), Value::Absent, Value::Absent]
    );
    assert_eq!(found("remote", ColumnType::String)[2], text("none"), "the whole is there too");
}

#[test]
fn strings_that_do_not_fit_a_dictionary_are_written_as_they_are() {
    let mut batches = Vec::new();
    for b in 0..60 {
        let mut batch = Batch { times: vec![b; 1_000], ..Batch::default() };
        let text = |r: i64| format!("{:>40}", (b * 1_000 + r) % 45_000);
        let words = (0..1_000).map(|r| u64::from(batch.strings.intern(text(r).as_bytes())));
        batch.columns = vec![BatchColumn { words: words.collect(), present: None }];
        batches.push(batch);
    }
    let answer = Answer { header: arbitrary::header(&[ColumnType::String]), batches };
    let bytes = write(&answer, 1);
    check(&answer, bytes.clone()).unwrap();
    let file = open(bytes);
    let encodings: Vec<_> = file.metadata().row_group(0).column(1).encodings().collect();
    assert!(encodings.contains(&Encoding::RLE_DICTIONARY), "{encodings:?}");
    assert!(encodings.contains(&Encoding::PLAIN), "1.8 MB of strings: {encodings:?}");
}

#[test]
fn the_footer_says_what_the_table_and_its_columns_are_and_where_gaps_are() {
    let answer = long_answer();
    let file = open(write(&answer, 1));
    let about = file.metadata().file_metadata();
    let value = |key: &str| {
        let found = about.key_value_metadata().unwrap().iter().find(|kv| kv.key == key);
        found.and_then(|kv| kv.value.clone()).unwrap_or_else(|| panic!("the footer has no {key}"))
    };
    assert_eq!(value("nodemon.table"), "disk");
    assert_eq!(value("nodemon.source"), "/proc/diskstats");
    let columns: serde_json::Value = serde_json::from_str(&value("nodemon.columns")).unwrap();
    assert_eq!(columns[0]["name"], "c0");
    assert_eq!(columns[0]["unit"], "ns");
    assert_eq!(columns[1]["type"], "string");
    let gaps: serde_json::Value = serde_json::from_str(&value("nodemon.gaps")).unwrap();
    assert_eq!(gaps[0]["cause"], "disk full or failing");
    assert_eq!(gaps[0]["lost"], 12);
}
