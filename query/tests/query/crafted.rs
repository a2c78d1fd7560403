//! Recordings that are damaged or crafted: told once, and answered in time.

use crate::support::{SECOND_NS, ask, cpu, record};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{Gap, GapCause};
use rkyv::util::AlignedVec;
use std::time::{Duration, Instant};

#[test]
fn a_replay_of_rows_that_are_a_century_apart_ends() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let schema = cpu();
    let table = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let century_ns = 100 * 365 * 86_400 * SECOND_NS;
    // In one block, and between two.
    for time_ns in [SECOND_NS, 2 * SECOND_NS, century_ns, century_ns + SECOND_NS / 10] {
        record.begin_sample(time_ns);
        record.instance(|key| key.u64(0));
        record.u64(time_ns);
        record.u64(7);
        record.end_sample();
    }
    let mut archive = AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let start = Instant::now();
    let said = ask(&dir, &["replay", "-f", "jsonl", "--from", "start"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let ticks = said.out.lines().count();
    assert!((3..10).contains(&ticks), "{ticks} ticks");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn gaps_that_lost_more_than_can_be_counted_are_told() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    for from_ns in [1, 2] {
        writer.gap(Gap {
            table: "cpu".into(),
            cause: GapCause::Disk,
            from_ns,
            to_ns: u64::MAX,
            lost: u64::MAX,
            detail: String::new(),
        });
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    for question in [&["info", "--all"][..], &["verify"]] {
        let said = ask(&dir, question);
        assert_eq!(said.code, Some(0), "{question:?}: {}", said.err);
    }
}

#[test]
fn many_damaged_blocks_are_one_sentence_and_the_rest_is_answered() {
    let recorded = record();
    let path = recorded.dir.join("segment-0000000001.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let starts: Vec<usize> =
        (0..bytes.len() - 24).filter(|at| &bytes[*at..at + 5] == b"NMCK\x03").collect();
    let whole = recorded.rows(&["-t", "cpu", "--from", "start"]).len();
    let exported = recorded.dir.with_extension("exported");
    let exported = exported.to_str().unwrap();
    // The last byte of every second block; the index is left as it is.
    for start in starts.iter().step_by(2) {
        let length = u32::from_le_bytes(bytes[start + 16..start + 20].try_into().unwrap());
        bytes[start + 23 + length as usize] ^= 0x55;
    }
    std::fs::write(&path, bytes).unwrap();
    for question in [
        &["range", "--from", "start", "-f", "jsonl"][..],
        &["range", "-t", "cpu", "--from", "start", "--step", "10s"],
        &["replay", "-f", "jsonl"],
        &["export", "--from", "start", "-f", "csv", "-o", exported],
        &["verify"],
    ] {
        let said = ask(&recorded.dir, question);
        assert_eq!(said.code, Some(4), "{question:?}: {}", said.err);
        let both = format!("{}{}", said.out, said.err);
        let told: Vec<&str> = both.lines().filter(|line| line.contains("is damaged")).collect();
        assert_eq!(told.len(), 1, "{question:?}: {told:#?}");
        assert!(told[0].contains("more blocks: "), "{question:?}: {}", told[0]);
    }
    let left = ask(&recorded.dir, &["range", "-t", "cpu", "--from", "start", "-f", "jsonl"]);
    let left = left.out.lines().count();
    assert!(0 < left && left < whole, "{left} of {whole} rows");
}
