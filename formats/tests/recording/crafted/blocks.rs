//! Blocks and rows that wait, of which there are more than anybody records.

use super::{Crafted, MIB, in_a_child, status_bytes};
use crate::child;
use nodemon_formats::block::{BlockHeader, Compressor, Encoder, Rows};
use nodemon_formats::memory::give_large_pieces_back;
use nodemon_formats::reader::{Recording, ScanItem, ScanRequest};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::segment::{ChunkKind, IndexEntry};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use rkyv::util::AlignedVec;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn wide(name: &str, columns: u32) -> Schema {
    let mut schema = Schema::sample(name, "a test", "crafted");
    for column in 0..columns {
        schema = schema.gauge(&format!("c{column}"), ColumnType::U64, unit::COUNT, "");
    }
    schema.interval_ns = 1_000_000;
    schema
}

/// A block of few bytes whose columns all change, in so many rows.
pub fn bomb(rows: u32, columns: u32, first_ns: u64) -> Vec<u8> {
    let mut directory = vec![1u8; columns as usize];
    directory.extend(vec![0u8; 8 * columns as usize]);
    (0..columns).for_each(|_| varint(&mut directory, 0));
    [0, 0, 1000, 1, 0].into_iter().for_each(|word| varint(&mut directory, word));
    let mut frames = Vec::new();
    let mut compressor = Compressor::default();
    let directory_bytes = compressor.frame(&[&directory], &mut frames).unwrap();
    let frame_bytes = compressor.frame(&[&[]], &mut frames).unwrap();
    let mut header = template();
    header.directory_bytes = directory_bytes;
    (header.first_ns, header.table, header.rows) = (first_ns, 0, rows);
    (header.instances, header.width, header.key_width, header.flags) = (1, columns, 0, 1);
    header.groups.truncate(1);
    (header.groups[0].end_column, header.groups[0].frame_bytes) = (columns, frame_bytes);
    let mut block = Vec::new();
    header.put(&mut block).unwrap();
    block.extend_from_slice(&frames);
    block
}

/// The header of a block with a group.
fn template() -> BlockHeader {
    let schema = wide("template", 1);
    let mut record = RecordBuilder::new(&schema);
    for at in 0..300u64 {
        record.begin_sample(at);
        record.u64(at * at % 1009);
        record.end_sample();
    }
    let mut rows = Rows::new(&schema);
    crate::support::push_into(&mut rows, &schema, &mut record, 0);
    let mut block = Vec::new();
    Encoder::default().encode(&rows, &schema, 0, &mut block).unwrap();
    BlockHeader::take(&block).unwrap().0
}

/// A segment of such blocks, whose index tells of so many bytes for each.
fn bombs(dir: &Path, blocks: u64, rows: u32, columns: u32, told_bytes: u32) {
    let mut crafted = Crafted::new(dir);
    crafted.batch.put_schema(0, &wide("bomb", columns)).unwrap();
    for id in 0..blocks {
        let first_ns = 2_000_000_000 + id * 1_000_000_000_000;
        let block = bomb(rows, columns, first_ns);
        let pieces = crafted.batch.put(ChunkKind::Block, id, &block);
        let last_ns = first_ns + u64::from(rows - 1) * 1000;
        let size_bytes = told_bytes;
        let records = id + 1;
        let entry =
            IndexEntry { table: 0, id, first_ns, last_ns, records, rows, size_bytes, pieces };
        crafted.batch.index(entry);
    }
    crafted.end();
}

/// Reads the table of bombs with so many threads: rows, and what was told.
pub fn read_bombs(dir: &Path, threads: usize) -> (usize, Vec<String>) {
    let recording = Recording::open(dir).unwrap();
    let (mut rows, mut told) = (0, Vec::new());
    told.extend(recording.problems().iter().map(ToString::to_string));
    let request = ScanRequest {
        table: "bomb".into(),
        from: i64::MIN,
        to: i64::MAX,
        threads,
        ..ScanRequest::default()
    };
    for item in recording.scan(request).into_iter().flatten() {
        match item.unwrap() {
            ScanItem::Chunk(chunk) => rows += chunk.rows(),
            ScanItem::Summary(_) => {}
            ScanItem::Problem(problem) => told.push(problem.to_string()),
        }
    }
    (rows, told)
}

#[test]
fn blocks_that_grow_to_thousands_of_times_their_bytes_are_decoded_few_at_a_time() {
    in_a_child(module_path!(), "child_bombs");
}

#[test]
fn child_bombs() {
    let Some(dir) = child::dir() else { return };
    // As the program that asks does.
    give_large_pieces_back();
    for (at, (rows, columns)) in [(1 << 21, 4), (1 << 16, 128)].into_iter().enumerate() {
        let dir = dir.join(at.to_string());
        bombs(&dir, 12, rows, columns, 1 << 20);
        let (read, told) = read_bombs(&dir, 4);
        assert_eq!((read, told), (12 * rows as usize, Vec::new()));
    }
    let dir = dir.join("refused");
    bombs(&dir, 4, 1 << 21, 8, 1 << 20);
    let (read, told) = read_bombs(&dir, 4);
    assert_eq!((read, told.len()), (0, 4), "{told:?}");
    let peak = status_bytes("VmHWM:");
    assert!(peak < 256 * MIB, "{} MiB at most", peak / MIB);
}

#[test]
fn a_table_of_a_million_columns_is_left_out_and_the_others_are_read() {
    in_a_child(module_path!(), "child_wide");
}

#[test]
fn child_wide() {
    let Some(dir) = child::dir() else { return };
    let mut crafted = Crafted::new(&dir);
    crafted.batch.put_schema(0, &wide("bomb", 100)).unwrap();
    crafted.batch.put_schema(1, &wide("wide", 1 << 20)).unwrap();
    let block = bomb(10, 100, 2_000_000_000);
    crafted.put_ten_rows(&block);
    crafted.end();
    let start = Instant::now();
    let (rows, told) = read_bombs(&dir, 2);
    assert_eq!(rows, 10);
    assert_eq!(told.len(), 1, "{told:?}");
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status_bytes("VmRSS:");
    drop(RecordingWriter::open(&dir, WriterOptions::new(LEAST_RING_BYTES)));
    let grown = status_bytes("VmHWM:").saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn five_hundred_idle_cpus_at_a_millisecond_are_blocks_that_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (cpus, columns) = (512, 20);
    let mut schema = Schema::sample("cpu", "a test", "idle").key("cpu", ColumnType::U64, "number");
    for column in 0..columns {
        schema = schema.counter(&format!("c{column}_ns"), unit::NS, "grows as time does");
    }
    schema.interval_ns = 1_000_000;
    let mut writer =
        RecordingWriter::open(dir.path(), WriterOptions::new(64 * LEAST_RING_BYTES)).unwrap();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for at in 0..1000u64 {
        record.begin_sample(1_000_000_000 + at * 1_000_000);
        for cpu in 0..cpus {
            record.instance(|key| key.u64(cpu));
            (0..columns).for_each(|column| record.u64((at + column) * 1_000_000));
        }
        record.end_sample();
        // As records come: of some MiB each.
        if at % 100 == 99 {
            crate::support::push(&mut writer, &mut record, table);
        }
    }
    let commit = writer.commit().unwrap();
    assert!(commit.blocks > 1 && commit.rows == 1000, "{commit:?}");
    writer.close().unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    let request =
        ScanRequest { table: "cpu".into(), from: i64::MIN, to: i64::MAX, ..ScanRequest::default() };
    let mut samples = 0;
    for item in recording.scan(request).unwrap() {
        let ScanItem::Chunk(chunk) = item.unwrap() else { panic!("no rows") };
        assert_eq!(chunk.instances.len(), cpus as usize);
        for row in [0, chunk.rows() - 1] {
            let at = (chunk.boot_times[row] - 1_000_000_000) / 1_000_000;
            assert_eq!(chunk.cells(0, 7).words.at(row), at * 1_000_000);
        }
        samples += chunk.rows();
    }
    assert_eq!(samples, 1000);
    assert!(recording.verify().all(|verdict| match verdict {
        nodemon_formats::reader::Verdict::Segment(segment) => segment.problems.is_empty(),
        nodemon_formats::reader::Verdict::Unreadable(_) => false,
    }));
}

#[test]
fn more_rows_than_ever_wait_are_read_up_to_their_bound_in_time_and_little_memory() {
    in_a_child(module_path!(), "child_waiting");
}

#[test]
fn child_waiting() {
    let Some(dir) = child::dir() else { return };
    give_large_pieces_back();
    // 24 million cells in the journal of a table of 2,000 columns, of which every second one changes
    // with each row; a few hundred kB on disk.
    const COLUMNS: u32 = 2000;
    const ROWS: u64 = 1000;
    const RECORDS: u64 = 12;
    let schema = wide("bomb", COLUMNS);
    let mut crafted = Crafted::new(&dir);
    crafted.batch.put_schema(0, &schema).unwrap();
    let (mut record, mut archive) = (RecordBuilder::new(&schema), AlignedVec::new());
    let mut compressor = Compressor::default();
    for number in 0..RECORDS {
        for row in number * ROWS..(number + 1) * ROWS {
            record.begin_sample(2_000_000_000 + row * 1000);
            (0..COLUMNS).for_each(|column| record.u64(if column % 2 == 0 { row } else { 7 }));
            record.end_sample();
        }
        record.finish(0, &mut archive).unwrap();
        let mut entry = Vec::new();
        entry.extend_from_slice(&(archive.len() as u64).to_le_bytes());
        entry.extend_from_slice(&(number + 1).to_le_bytes());
        entry.extend_from_slice(&archive);
        entry.resize(entry.len().next_multiple_of(16), 0);
        let mut frame = Vec::new();
        compressor.frame(&[&entry], &mut frame).unwrap();
        crafted.batch.put(ChunkKind::Journal, number, &frame);
    }
    crafted.end();
    drop((record, archive, compressor));
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, start) = (status_bytes("VmRSS:"), Instant::now());
    let (rows, told) = read_bombs(&dir, 2);
    // As many whole records as have 2^23 cells.
    assert_eq!(rows as u64, (1 << 23) / u64::from(COLUMNS) / ROWS * ROWS);
    assert!(told.len() == 1 && told[0].contains("length of the journal"), "{told:?}");
    let grown = status_bytes("VmHWM:").saturating_sub(before);
    assert!(grown < 256 * MIB, "{} MiB", grown / MIB);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
