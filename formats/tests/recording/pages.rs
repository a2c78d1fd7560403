//! Every page of a segment lost in turn: overwritten with zeros, with noise, with another page of
//! the same file (a disk that wrote to the wrong place), or cut off.

use super::child;
use super::noise::{noise, push_noise, word};
use super::support::segments_of;
use super::support::{Row, bits, copy_of, every_type, open_writer, push, put_sample, rows_in};
use nodemon_formats::gap::{Gap, GapCause};
use nodemon_formats::reader::{Recording, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::Schema;
use nodemon_formats::value::Value;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

const PAGE: usize = 4096;
const TABLES: [&str; 3] = ["noise", "slow", "slower"];

fn row(at: u64) -> Vec<(Vec<Value>, Vec<Value>)> {
    let values = vec![
        Value::U64(word(at, 1)),
        Value::U64(at),
        Value::I64(-1),
        Value::F64(0.5),
        Value::Bool(true),
        Value::String(format!("name {at}")),
        Value::Bytes(vec![at as u8; 3]),
    ];
    vec![(vec![Value::U64(0), Value::String("sda".into())], values)]
}

/// A segment with blocks of one piece and of several, with journal entries (where it was `killed`)
/// and gaps.
fn recording(killed: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let slow = Schema { name: "slow".into(), ..every_type(1_000_000_000) };
    let slower = Schema { name: "slower".into(), ..every_type(60_000_000_000) };
    let numbers = [noise(), slow.clone(), slower.clone()].map(|schema| writer.add_table(schema));
    let mut record = RecordBuilder::new(&noise());
    let mut other = RecordBuilder::new(&slow);
    for second in 0..70 {
        let rows = if second % 20 == 7 { 60 } else { 4 };
        push_noise(&mut writer, &mut record, numbers[0], second * 100..second * 100 + rows);
        for number in &numbers[1..] {
            put_sample(&mut other, second * 1_000_000_000, &row(second));
            push(&mut writer, &mut other, *number);
        }
        if second == 30 {
            writer.gap(Gap {
                table: "slow".into(),
                cause: GapCause::Late,
                from_ns: 1,
                to_ns: 2,
                lost: 3,
                detail: String::new(),
            });
        }
        writer.commit().unwrap();
    }
    if killed {
        let copy = copy_of(dir.path());
        std::mem::forget(writer);
        return copy;
    }
    writer.close().unwrap();
    dir
}

/// Everything that is there, and whatever says that something is not.
fn read(dir: &Path) -> ([Vec<Row>; 3], usize, Vec<String>) {
    let recording = match Recording::open(dir) {
        Ok(recording) => recording,
        Err(error) => return (Default::default(), 0, vec![error.to_string()]),
    };
    let mut told: Vec<String> = recording.problems().iter().map(ToString::to_string).collect();
    let rows = TABLES.map(|table| {
        let (rows, problems) = rows_in(&recording, table, 1);
        told.extend(problems);
        rows
    });
    let gaps = recording.gaps(None, i64::MIN, i64::MAX);
    told.extend(gaps.as_ref().err().map(ToString::to_string));
    told.extend(recording.damaged_gaps().unwrap().iter().map(ToString::to_string));
    told.extend(recording.segments().err().map(|error| format!("segments: {error}")));
    told.extend(recording.tables().err().map(|error| format!("tables: {error}")));
    for verdict in recording.verify() {
        match verdict {
            Verdict::Segment(segment) => {
                told.extend(segment.problems.iter().map(|problem| format!("verify: {problem}")));
            }
            Verdict::Unreadable(error) => told.push(error.to_string()),
        }
    }
    (rows, gaps.map_or(0, |gaps| gaps.len()), told)
}

struct Whole {
    image: Vec<u8>,
    rows: [HashSet<String>; 3],
    gaps: usize,
}

fn whole(killed: bool) -> (tempfile::TempDir, Whole) {
    let dir = recording(killed);
    let image = fs::read(&segments_of(dir.path())[0]).unwrap();
    let (rows, gaps, told) = read(dir.path());
    assert!(told.is_empty(), "{told:?}");
    let rows = rows.map(|rows| bits(&rows).into_iter().collect::<HashSet<_>>());
    assert!(rows.iter().all(|rows| rows.len() >= 70) && gaps == 1);
    (dir, Whole { image, rows, gaps })
}

fn assert_honest(dir: &Path, whole: &Whole, image: &[u8], story: &str) {
    fs::write(&segments_of(dir)[0], image).unwrap();
    let (rows, gaps, told) = read(dir);
    let mut missing = whole.gaps - gaps;
    for (table, (rows, whole)) in TABLES.iter().zip(rows.iter().zip(&whole.rows)) {
        let read = bits(rows);
        for row in &read {
            assert!(whole.contains(row), "{story}: a row of {table} that was never written: {row}");
        }
        let distinct: HashSet<&String> = read.iter().collect();
        assert_eq!(distinct.len(), read.len(), "{story}: rows of {table} came twice");
        missing += whole.len() - read.len();
    }
    assert!(missing == 0 || !told.is_empty(), "{story}: {missing} rows are missing, nothing tells");
}

#[test]
fn a_segment_with_any_page_lost_gives_nothing_wrong_and_tells_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["zeros", "noise", "misplaced", "cut_off"] {
        let name = format!("pages::child_{name}");
        let output = child::command(&name, dir.path(), "ulimit -v 2097152;", "").output().unwrap();
        child::assert_success(&output);
    }
}

/// Runs `lose` over every page that holds something, of a segment that was closed and of one whose
/// recorder was killed.
fn each_page(what: &str, lose: impl Fn(&mut Vec<u8>, usize)) {
    if child::dir().is_none() {
        return;
    }
    for killed in [false, true] {
        let (dir, whole) = whole(killed);
        for page in 0..whole.image.len() / PAGE {
            if whole.image[page * PAGE..(page + 1) * PAGE].iter().all(|byte| *byte == 0) {
                continue;
            }
            let mut image = whole.image.clone();
            lose(&mut image, page);
            let story = format!("killed: {killed}, page {page} {what}");
            assert_honest(dir.path(), &whole, &image, &story);
        }
    }
}

#[test]
fn child_zeros() {
    each_page("of zeros", |image, page| image[page * PAGE..(page + 1) * PAGE].fill(0));
}

#[test]
fn child_noise() {
    each_page("of noise", |image, page| {
        for (at, byte) in image[page * PAGE..(page + 1) * PAGE].iter_mut().enumerate() {
            *byte = word(at as u64, page as u64) as u8;
        }
    });
}

#[test]
fn child_misplaced() {
    each_page("written twice", |image, page| {
        let to = (word(page as u64, 5) as usize % (image.len() / PAGE)) * PAGE;
        let content = image[page * PAGE..(page + 1) * PAGE].to_vec();
        image[to..to + PAGE].copy_from_slice(&content);
    });
}

#[test]
fn child_cut_off() {
    each_page("cut off", |image, page| image.truncate(page * PAGE + 100));
}
