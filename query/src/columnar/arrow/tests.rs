//! What is written is read back by the `arrow-ipc` crate's reader. Other readers have their say in
//! [`crate::columnar::independent`].

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::ArrowWriter;
use crate::columnar::arbitrary::{self, Answer, same, values_of};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_ipc::reader::StreamReader;
use nodemon_formats::{ColumnType, Value};
use proptest::prelude::*;

fn write(answer: &Answer) -> Vec<u8> {
    let mut writer = ArrowWriter::new(Vec::new(), &answer.header).unwrap();
    for (number, batch) in answer.batches.iter().enumerate() {
        if number == 1 {
            writer.gap(&arbitrary::gap()).unwrap();
        }
        writer.rows(batch).unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(writer.inner_mut())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_of_every_type_is_read_back_as_it_was_written(answer in arbitrary::answer()) {
        let stream = write(&answer);
        let reader = StreamReader::try_new(&stream[..], None).unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        let times: Vec<i64> = batches
            .iter()
            .flat_map(|b| b.column(0).as_primitive::<TimestampNanosecondType>().values().to_vec())
            .collect();
        prop_assert_eq!(times, answer.times());
        for (c, field) in answer.header.fields.iter().enumerate() {
            let of_batch = |b: &RecordBatch| values_of(b.column(c + 1), field.kind);
            let found: Vec<Value> = batches.iter().flat_map(of_batch).collect();
            let expected = answer.values(c);
            prop_assert_eq!(found.len(), expected.len());
            for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
                prop_assert!(
                    same(found, expected),
                    "row {row} of {:?}: wrote {expected:?}, read {found:?}",
                    field.kind
                );
            }
        }
    }
}

#[test]
fn the_schema_says_what_the_table_and_its_columns_are() {
    let header = arbitrary::header(&[ColumnType::U64, ColumnType::String]);
    let mut writer = ArrowWriter::new(Vec::new(), &header).unwrap();
    writer.finish().unwrap();
    let reader = StreamReader::try_new(&writer.inner()[..], None).unwrap();
    let schema = reader.schema();
    assert_eq!(schema.metadata()["nodemon.table"], "disk");
    assert_eq!(schema.field(1).metadata()["unit"], "ns");
    assert_eq!(schema.field(1).metadata()["role"], "key");
    assert_eq!(schema.field(2).metadata()["role"], "value");
}
