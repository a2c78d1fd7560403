//! A recorder that is killed at any instant, in the midst of a commit too, and starts again.

use super::child;
use super::noise::{LANES, noise, push_noise, word};
use super::support::{
    du, every_type, open_writer, push, push_into, put_sample, rows_in, segments_of,
};
use nodemon_formats::gap::GapCause;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::Schema;
use nodemon_formats::segment::{SegmentDescription, SegmentWriter};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, WriterOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

const ROUNDS: u64 = 12;
/// Rows of noise a commit.
const ROWS: u64 = 150;

fn slow() -> Schema {
    Schema { name: "slow".into(), ..every_type(1_000_000_000) }
}

fn slow_row(commit: u64) -> (Vec<Value>, Vec<Value>) {
    let values = vec![
        Value::U64(commit),
        Value::Absent,
        Value::I64(-1),
        Value::F64(f64::NAN),
        Value::Bool(false),
        Value::String(format!("commit {commit}")),
        Value::Bytes(vec![0, 159, 146, 150]),
    ];
    (vec![Value::U64(0), Value::String("sda".into())], values)
}

fn slow_ns(commit: u64) -> u64 {
    (1 + commit * ROWS) * 1_000_000
}

/// Where the next run begins to count.
const NEXT: &str = "next";
const RECORDING: &str = "recording";

#[test]
fn child_records_until_it_is_killed() {
    let Some(dir) = child::dir() else { return };
    let first: u64 = std::fs::read_to_string(dir.join(NEXT)).unwrap().parse().unwrap();
    let options = WriterOptions::new(LEAST_RING_BYTES);
    let mut writer = RecordingWriter::open(&dir.join(RECORDING), options).unwrap();
    let numbers = [noise(), slow()].map(|schema| writer.add_table(schema));
    let (mut fast, mut other) = (RecordBuilder::new(&noise()), RecordBuilder::new(&slow()));
    for commit in first.. {
        push_noise(&mut writer, &mut fast, numbers[0], commit * ROWS..(commit + 1) * ROWS);
        put_sample(&mut other, slow_ns(commit), &[slow_row(commit)]);
        push(&mut writer, &mut other, numbers[1]);
        writer.commit().unwrap();
        println!("committed {commit}");
    }
}

#[test]
fn whatever_was_committed_before_a_kill_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join(RECORDING);
    let mut next = 0;
    for round in 0..ROUNDS {
        std::fs::write(dir.path().join(NEXT), next.to_string()).unwrap();
        let mut child =
            child::command("kills::child_records_until_it_is_killed", dir.path(), "", "")
                .stdout(Stdio::piped())
                .process_group(0)
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut committed = None;
        let least = 3 + word(round, 1) % 40;
        for line in lines.by_ref().map(Result::unwrap) {
            if let Some(number) = line.rsplit_once("committed ") {
                committed = Some(number.1.parse::<u64>().unwrap());
            }
            if committed.is_some_and(|committed| committed >= next + least) {
                break;
            }
        }
        // From right after a commit to well into the second that follows.
        let wait = Instant::now();
        while wait.elapsed() < Duration::from_micros(word(round, 2) % 6000) {}
        kill_group(&mut child);
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.rsplit_once("committed ") {
                committed = Some(number.1.parse::<u64>().unwrap());
            }
        }
        let committed = committed.expect("the child never committed");
        assert!(du(&recording) <= LEAST_RING_BYTES, "{} bytes", du(&recording));
        let recording = Recording::open(&recording).unwrap();
        assert!(recording.problems().is_empty(), "{:?}", recording.problems());
        let (slow, problems) = rows_in(&recording, "slow", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        let last = slow.last().map(|(time, ..)| (time / 1_000_000 - 1) / ROWS).unwrap();
        assert!(
            last == committed || last == committed + 1,
            "round {round}: {committed} was committed, {last} is the last that is there"
        );
        let mut expected = slow[0].0;
        for (time_ns, keys, values) in &slow {
            let commit = (time_ns / 1_000_000 - 1) / ROWS;
            assert_eq!(*time_ns, expected, "round {round}: a row of slow is missing");
            assert_eq!(format!("{:?}", (keys, values)), {
                let (keys, values) = slow_row(commit);
                format!("{:?}", (&keys, &values))
            });
            expected = slow_ns(commit + 1);
        }
        let (noise, problems) = rows_in(&recording, "noise", 1);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        let first = noise[0].0 / 1_000_000 - 1;
        assert_eq!(noise.len() as u64, ((last + 1) * ROWS - first) * LANES, "round {round}: noise");
        for (row, (time_ns, keys, values)) in noise.iter().enumerate() {
            let (number, lane) = (first + row as u64 / LANES, row as u64 % LANES);
            assert_eq!(*time_ns, (1 + number) * 1_000_000, "round {round}: a row is missing");
            assert_eq!(
                (keys, values),
                (&vec![Value::U64(lane)], &vec![Value::U64(word(number, lane))])
            );
        }
        next = last + 1;
    }
}

/// Kills the child and what it started, at once.
fn kill_group(child: &mut std::process::Child) {
    let group = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
}

#[test]
fn the_gap_since_rows_were_recorded_outlives_a_run_that_was_killed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(slow());
    let mut record = RecordBuilder::new(&slow());
    put_sample(&mut record, 5000, &[slow_row(1)]);
    push(&mut writer, &mut record, table);
    writer.close().unwrap();
    // The next run was killed between creating its first segment and committing to it, and the one
    // after that left a file that cannot be read.
    let options = WriterOptions::new(LEAST_RING_BYTES);
    let description = SegmentDescription {
        number: 2,
        host: options.host.clone(),
        boot_id: options.boot_id.clone(),
        recorder_version: options.recorder_version.clone(),
        tier_ns: 0,
        created: nodemon_formats::clock::ClockOffset::now(),
    };
    drop(SegmentWriter::create(dir.path(), &description).unwrap());
    std::fs::write(dir.path().join("segment-0000000003.redb"), [7; 5000]).unwrap();
    let mut writer = open_writer(dir.path());
    writer.commit().unwrap();
    writer.close().unwrap();
    let gaps = Recording::open(dir.path()).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].gap.cause, gaps[0].gap.from_ns), (GapCause::NotRunning, 5000));
    assert_eq!(segments_of(dir.path()).len(), 4);
}

#[test]
fn what_a_table_lost_before_the_last_row_of_another_is_in_a_gap_of_its_own() {
    const MS: u64 = 1_000_000;
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    // One was gathered when the run was killed, one was switched off long before, one was not due.
    let tables = [
        ("gathered", MS, 8800),
        ("off", MS, 1000),
        ("slow", 1000 * MS, 8500),
        ("last", 10 * MS, 9000),
    ];
    for (name, interval_ns, last_ms) in tables {
        let schema = Schema { name: name.into(), ..every_type(interval_ns) };
        let table = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        put_sample(&mut record, last_ms * MS, &[slow_row(1)]);
        push(&mut writer, &mut record, table);
    }
    writer.close().unwrap();
    let mut writer = open_writer(dir.path());
    let opened_ns = writer.opened_ns();
    writer.commit().unwrap();
    writer.close().unwrap();
    let gaps = Recording::open(dir.path()).unwrap().gaps(None, i64::MIN, i64::MAX).unwrap();
    let told: Vec<_> = gaps
        .iter()
        .map(|gap| (gap.gap.table.as_str(), gap.gap.from_ns / MS, gap.gap.to_ns))
        .collect();
    assert_eq!(told, [("gathered", 8800, 9000 * MS), ("", 9000, opened_ns)]);
    assert!(gaps.iter().all(|gap| gap.gap.cause == GapCause::NotRunning), "{gaps:?}");
}

#[test]
fn a_record_older_than_what_is_sealed_is_refused_and_costs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open_writer(dir.path());
    let table = writer.add_table(noise());
    let mut record = RecordBuilder::new(&noise());
    push_noise(&mut writer, &mut record, table, 10..20);
    writer.commit().unwrap();
    let mut rows = nodemon_formats::block::Rows::new(&noise());
    record.begin_sample(1000);
    record.instance(|key| key.u64(0));
    record.u64(1);
    record.end_sample();
    let archive = push_into(&mut rows, &noise(), &mut record, table);
    let refused = writer.push(&archive).expect_err("blocks that overlap");
    assert!(refused.to_string().contains("older"), "{refused}");
    push_noise(&mut writer, &mut record, table, 20..30);
    writer.close().unwrap();
    super::noise::assert_rows(dir.path(), 20 * LANES as usize);
}
