//! Columns of stacks, from the record to the answer.

use super::support::{everything_of, open_writer, push};
use nodemon_formats::reader::{Recording, ScanItem};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema};
use nodemon_formats::stack::{Frame, put_frame};
use nodemon_formats::{Value, stack};
use proptest::prelude::*;
use std::path::Path;

fn schema() -> Schema {
    Schema::event("stack_cpu", "a test", "samples")
        .state("command", ColumnType::String, "text beside the stacks")
        .state("stack", ColumnType::Stack, "calls")
}

/// A stack of a program in which each function calls one of a few.
fn cell(path: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    for (depth, call) in path.iter().enumerate() {
        let function = format!("function_{depth}_{call}");
        let offset = depth as u64 * 4096 + u64::from(*call);
        let module = b"/usr/bin/program".as_slice();
        let build_id = b"76c2e3a4bc93f1f0".as_slice();
        put_frame(&mut cell, &Frame { function: function.as_bytes(), module, build_id, offset });
    }
    cell
}

/// The stacks that a recording has, as they were sent.
fn stacks_of(dir: &Path) -> Vec<Vec<u8>> {
    let recording = Recording::open(dir).unwrap();
    let mut found = Vec::new();
    for item in recording.scan(everything_of("stack_cpu", 1)).unwrap() {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => {
                for row in 0..chunk.rows() {
                    let cells = chunk.cells(1, 0);
                    let cell = chunk.strings.get(cells.words.at(row)).to_vec();
                    let expected = match cells.present.at(row) {
                        true => Value::String(stack::folded(&cell)),
                        false => Value::Absent,
                    };
                    assert_eq!(chunk.value(1, 0, row), expected);
                    found.push(cell);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn stacks_come_back_out_of_blocks_and_out_of_the_journal(
        paths in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..30), 1..150),
        strange in proptest::collection::vec(any::<u8>(), 0..30),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open_writer(dir.path());
        let table = writer.add_table(schema());
        let mut expected: Vec<Vec<u8>> = paths.iter().map(|path| cell(path)).collect();
        expected.push(strange);
        for (second, cells) in expected.chunks(10).enumerate() {
            let mut record = RecordBuilder::new(&schema());
            for (at, cell) in cells.iter().enumerate() {
                record.begin_event(1_000_000_000 * (1 + second as u64) + at as u64);
                record.str("program");
                record.bytes(cell);
                record.end_event();
            }
            push(&mut writer, &mut record, table);
            writer.commit().unwrap();
        }
        prop_assert_eq!(&stacks_of(dir.path()), &expected, "some in the journal");
        writer.close().unwrap();
        prop_assert_eq!(&stacks_of(dir.path()), &expected, "all in blocks");
    }
}
