//! A recording of each format version, made once and kept: whatever changes, it reads as it did.
//!
//! `NODEMON_WRITE_FIXTURE=1 cargo test -p nodemon-formats fixture` makes the one of the version that is
//! written now anew. That is for the time before a release only; afterwards a new version gets a
//! fixture beside this one.

use super::model::sorted;
use super::noise::word;
use super::support::{
    Row, bits, copy_of, every_type, everything_of, push, put_event, put_sample, rows_in,
};
use nodemon_formats::gap::{Gap, GapCause};
use nodemon_formats::reader::{Recording, Rollup, ScanItem, Verdict};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, TableKind};
use nodemon_formats::segment::FORMAT_VERSION;
use nodemon_formats::stack::{self, Frame, put_frame};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const SECOND_NS: u64 = 1_000_000_000;
const TABLES: [&str; 3] = ["fast", "slow", "events"];

fn home(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

/// Version 1 had all of these but stacks.
fn schemas() -> [Schema; 3] {
    let every = |name: &str, kind, interval_ns| Schema {
        name: name.into(),
        kind,
        ..every_type(interval_ns).state("calls", ColumnType::Stack, "calls")
    };
    [
        every("fast", TableKind::Sample, SECOND_NS / 1000),
        every("slow", TableKind::Sample, SECOND_NS),
        every("events", TableKind::Event, 0),
    ]
}

fn options() -> WriterOptions {
    WriterOptions {
        pin_size_bytes: 0,
        ring_size_bytes: 2 * LEAST_RING_BYTES,
        fine_size_bytes: 0,
        tiers: vec![TierOptions { step_ns: SECOND_NS, size_bytes: LEAST_RING_BYTES }],
        segment_size_bytes: u64::MAX,
        host: "node-1".into(),
        boot_id: "0b0f8a4e-2f0f-4c4e-9d58-6f1f0a3c9a11".into(),
        recorder_version: "0.1.0".into(),
    }
}

/// Values that each coder gets some of: constant, seldom changing, moving, random, absent.
fn values(at: u64) -> Vec<Value> {
    let absent_or = |every: u64, value| if at % every == 3 { Value::Absent } else { value };
    let doubles = [0.25, -0.0, f64::NAN, f64::INFINITY, 1e300];
    vec![
        Value::U64(at * 1_000_000 + word(at, 1) % 1000),
        absent_or(50, Value::U64(if at.is_multiple_of(97) { u64::MAX } else { 4096 })),
        Value::I64(-((at % 13) as i64)),
        absent_or(7, Value::F64(doubles[(word(at / 40, 2) % 5) as usize])),
        Value::Bool(at / 100 % 2 == 1),
        Value::String(["idle", "busy", "größer"][(at / 33 % 3) as usize].into()),
        Value::Bytes(vec![at as u8; (at / 64 % 4) as usize]),
        Value::Bytes(calls(at)),
    ]
}

/// Some calls, of which neighbours have much in common.
fn calls(at: u64) -> Vec<u8> {
    let mut cell = Vec::new();
    for depth in 0..1 + at % 5 {
        let number = if depth < 2 { depth } else { at % 50 };
        let (function, module) = (format!("function_{number}"), format!("/usr/lib/{depth}.so"));
        let frame = Frame {
            function: if number % 7 == 6 { b"" } else { function.as_bytes() },
            module: if depth == 4 { b"[kernel]" } else { module.as_bytes() },
            build_id: b"0123456789abcdef",
            offset: number << (4 * depth),
        };
        put_frame(&mut cell, &frame);
    }
    cell
}

/// Rows as they are read: with stacks that are folded.
fn as_read(rows: Vec<Row>) -> Vec<Row> {
    let folded = |(time, keys, mut values): Row| {
        if let Some(Value::Bytes(cell)) = values.pop() {
            values.push(Value::String(stack::folded(&cell)));
        }
        (time, keys, values)
    };
    rows.into_iter().map(folded).collect()
}

/// The rows of one time: of two instances, the second of which comes and goes.
fn rows_at(at: u64) -> Vec<(Vec<Value>, Vec<Value>)> {
    let keys = |cpu: u64| vec![Value::U64(cpu), Value::String(format!("disk{cpu}"))];
    let present = if at / 30 % 3 == 2 { 1 } else { 2 };
    (0..present).map(|cpu| (keys(cpu), values(at + cpu * 17))).collect()
}

/// Pushes what comes in second `second`, and notes the rows.
fn push_second(writer: &mut RecordingWriter, second: u64, expected: &mut [Vec<Row>; 3]) {
    let [fast, slow, events] = schemas();
    let start_ns = (100 + second) * SECOND_NS;
    let mut record = RecordBuilder::new(&fast);
    // Blocks with rollups and without.
    let samples = if second % 10 == 1 { 260 } else { 10 };
    for sample in 0..samples {
        let (time_ns, at) = (start_ns + sample * 3_333_333, second * 300 + sample);
        put_sample(&mut record, time_ns, &rows_at(at));
        expected[0].extend(rows_at(at).into_iter().map(|(keys, values)| (time_ns, keys, values)));
    }
    push(writer, &mut record, 0);
    record = RecordBuilder::new(&slow);
    put_sample(&mut record, start_ns, &rows_at(second));
    expected[1].extend(rows_at(second).into_iter().map(|(keys, values)| (start_ns, keys, values)));
    push(writer, &mut record, 1);
    record = RecordBuilder::new(&events);
    for (keys, values) in rows_at(second * 5) {
        let all: Vec<Value> = keys.into_iter().chain(values).collect();
        put_event(&mut record, start_ns, &all);
        expected[2].push((start_ns, vec![], all));
    }
    push(writer, &mut record, 2);
}

/// A run that ends well and one that is killed, and the rows of both.
fn write(dir: &Path) -> [Vec<Row>; 3] {
    let mut expected: [Vec<Row>; 3] = Default::default();
    let first = tempfile::tempdir().unwrap();
    for (seconds, dir) in [(0..4, first.path()), (10..14, first.path())] {
        let mut writer = RecordingWriter::open(dir, options()).unwrap();
        schemas().into_iter().for_each(|schema| _ = writer.add_table(schema));
        for second in seconds.clone() {
            push_second(&mut writer, second, &mut expected);
            if second == 2 {
                writer.gap(Gap {
                    table: "slow".into(),
                    cause: GapCause::Late,
                    from_ns: 102 * SECOND_NS,
                    to_ns: 103 * SECOND_NS,
                    lost: 7,
                    detail: "the source overslept".into(),
                });
            }
            writer.commit().unwrap();
        }
        if seconds.end == 4 {
            writer.close().unwrap();
        } else {
            let killed = copy_of(dir);
            std::mem::forget(writer);
            fs::rename(killed.keep(), first.path().join("killed")).unwrap();
        }
    }
    let _ = fs::remove_dir_all(dir);
    let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, 19).unwrap();
    convert(&first.path().join("killed"), dir, &|name| Some(format!("{name}.zst")), &pack);
    expected
}

/// Converts every file in `from` and below, under a name of its own; those without one are left
/// out.
fn convert(
    from: &Path,
    to: &Path,
    name: &dyn Fn(&str) -> Option<String>,
    content: &dyn Fn(&[u8]) -> Vec<u8>,
) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let old = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            convert(&entry.path(), &to.join(old), name, content);
        } else if old != "lock"
            && let Some(new) = name(&old)
        {
            fs::write(to.join(new), content(&fs::read(entry.path()).unwrap())).unwrap();
        }
    }
}

/// The recording, unpacked: a segment whose recorder was killed is mostly zeros.
fn unpacked(dir: &Path) -> tempfile::TempDir {
    let unpacked = tempfile::tempdir().unwrap();
    let name = |name: &str| Some(name.strip_suffix(".zst")?.to_owned());
    convert(dir, unpacked.path(), &name, &|bytes| zstd::decode_all(bytes).unwrap());
    unpacked
}

/// Everything that a recording says, as text.
fn told(dir: &Path) -> String {
    let recording = Recording::open(dir).unwrap();
    assert!(recording.problems().is_empty(), "{:?}", recording.problems());
    let mut told = String::new();
    for segment in recording.segments().unwrap() {
        writeln!(
            told,
            "segment {} tier {} {:?} {} {} {} {:?} {} blocks",
            segment.number,
            segment.tier_ns,
            segment.state,
            segment.host,
            segment.boot_id,
            segment.recorder_version,
            segment.span,
            segment.blocks
        )
        .unwrap();
    }
    for table in recording.tables().unwrap() {
        let (span, schema) = (table.span, &table.schema);
        writeln!(told, "table {schema:?} {span:?} {} {}", table.rows, table.blocks).unwrap();
    }
    for gap in recording.gaps(None, i64::MIN, i64::MAX).unwrap() {
        writeln!(told, "{gap:?}").unwrap();
    }
    for table in TABLES {
        let mut request = everything_of(table, 1);
        request.rollup = Some(Rollup { origin: 0, step: SECOND_NS.cast_signed() });
        for item in recording.scan(request).unwrap() {
            if let ScanItem::Summary(summary) = item.unwrap() {
                let (times, rows) = (summary.times, summary.rows);
                writeln!(told, "summary of {table} {times:?} {rows} rows").unwrap();
                for (at, column) in summary.columns.iter().enumerate() {
                    let keys = &summary.instances[at % summary.instances.len()];
                    writeln!(told, "  {keys:?} {column:?}").unwrap();
                }
            }
        }
        let (rows, problems) = rows_in(&recording, table, 1);
        assert!(problems.is_empty(), "{problems:?}");
        for row in bits(&sorted(rows)) {
            writeln!(told, "{table} {row}").unwrap();
        }
    }
    for verdict in recording.verify() {
        let Verdict::Segment(segment) = verdict else { panic!("{verdict:?}") };
        assert!(segment.problems.is_empty(), "{:?}", segment.problems);
    }
    told
}

/// What is told of the fixture of a version, which was written down when it was made.
fn read(version: u32) {
    let (packed, text) = (home(version).join("recording"), home(version).join("told.txt"));
    // The bytes never change; what is told of them does when a rule of the reader does.
    if std::env::var_os("NODEMON_WRITE_ANSWERS").is_some() {
        fs::write(&text, told(unpacked(&packed).path())).unwrap();
    }
    let expected = fs::read_to_string(&text).unwrap();
    let told = told(unpacked(&packed).path());
    for (number, (line, expected)) in told.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "version {version}, line {}", number + 1);
    }
    assert_eq!(told.lines().count(), expected.lines().count());
}

#[test]
fn a_recording_of_version_1_reads_as_it_did() {
    read(1);
}

#[test]
fn a_recording_of_version_2_reads_as_it_did() {
    assert_eq!(FORMAT_VERSION, 2, "a new version has a fixture of its own");
    let (packed, text) = (home(2).join("recording"), home(2).join("told.txt"));
    if std::env::var_os("NODEMON_WRITE_FIXTURE").is_some() {
        let expected = write(&packed);
        let dir = unpacked(&packed);
        let recording = Recording::open(dir.path()).unwrap();
        for (table, expected) in TABLES.iter().zip(expected) {
            let expected = sorted(as_read(expected));
            assert_eq!(bits(&sorted(rows_in(&recording, table, 1).0)), bits(&expected));
        }
        fs::write(&text, told(dir.path())).unwrap();
    }
    read(2);
}
