//! Gaps as people read them: one line each, whatever pieces they were written in.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{Gap, GapCause};
use std::path::Path;

const HUNG: &str = "timed out being sampled, waiting for statfs of /mnt/nfs";

/// Writes 100 s of `cpu` and `disk`, of which 60 are a hang of both that was written a piece a
/// second. What samples `cpu` took half a second to start.
fn record_hang(dir: &Path) {
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(16 << 20)).unwrap();
    let schemas = [cpu(), disk()];
    let numbers = schemas.clone().map(|schema| writer.add_table(schema));
    let mut records = schemas.each_ref().map(RecordBuilder::new);
    let start_ns = first_boot_time();
    let gap = |table: &str, cause, from_ns, to_ns, lost, detail: &str| {
        let (table, detail) = (table.to_owned(), detail.to_owned());
        Gap { table, cause, from_ns: start_ns + from_ns, to_ns: start_ns + to_ns, lost, detail }
    };
    let starting = gap("cpu", GapCause::Late, 0, SECOND_NS / 2, 5, "sampler was starting");
    writer.gap(Gap { from_ns: start_ns - SECOND_NS / 2, to_ns: start_ns, ..starting });
    for second in 0..100 {
        let from_ns = second * SECOND_NS;
        let is_hung = (20..80).contains(&second);
        if is_hung {
            for table in ["cpu", "disk"] {
                let to_ns = from_ns + SECOND_NS;
                writer.gap(gap(table, GapCause::SourceFailed, from_ns, to_ns, 1, HUNG));
            }
        } else {
            put(&mut records, start_ns + from_ns, second);
            for (record, number) in records.iter_mut().zip(numbers) {
                let mut archive = rkyv::util::AlignedVec::new();
                record.finish(number, &mut archive).unwrap();
                writer.push(&archive).unwrap();
            }
        }
        writer.commit().unwrap();
    }
    writer.close().unwrap();
}

fn put(records: &mut [RecordBuilder; 2], time_ns: u64, second: u64) {
    let [cpu, disk] = records;
    cpu.begin_sample(time_ns);
    cpu.instance(|key| key.u64(0));
    cpu.u64(second);
    cpu.u64(second);
    cpu.end_sample();
    disk.begin_sample(time_ns);
    disk.instance(|key| key.str("sda"));
    disk.u64(second);
    disk.u64(0);
    disk.absent();
    disk.end_sample();
}

fn answer(dir: &Path, args: &[&str]) -> String {
    let said = ask(dir, args);
    assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
    said.out
}

#[test]
fn a_minute_of_a_hang_is_one_line_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    record_hang(home.path());
    for (format, word) in [("table", "-- gap"), ("csv", "until"), ("jsonl", "{\"gap\"")] {
        for more in [&[][..], &["--step", "10s"], &["--from", "start+30s", "--to", "+5s"]] {
            let out = match more.first() {
                // There is no row within the hang, so that the gap is all there is to say.
                Some(&"--from") => {
                    let args = [&["range", "-t", "cpu", "-f", format], more].concat();
                    ask(home.path(), &args).out
                }
                _ => answer(home.path(), &[&["range", "-t", "cpu", "-f", format], more].concat()),
            };
            let lines: Vec<&str> = out.lines().filter(|line| line.contains(word)).collect();
            assert_eq!(lines.len(), 1, "-f {format} {more:?}: {lines:#?}");
            assert!(lines[0].contains(HUNG) && lines[0].contains("60"), "{lines:?}");
        }
    }
    let screens = answer(home.path(), &["replay", "--from", "start+50s", "--to", "+1s"]);
    let gaps: Vec<&str> = screens.lines().filter(|line| line.starts_with("gap")).collect();
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert!(gaps[0].contains("cpu, disk, 60 s until"), "{gaps:#?}");
    assert!(gaps[0].contains("60 samples of each lost"), "{gaps:#?}");
}

#[test]
fn info_and_verify_tell_every_gap_once_and_count_what_was_lost_exactly() {
    let home = tempfile::tempdir().unwrap();
    record_hang(home.path());
    let info = answer(home.path(), &["info", "--all"]);
    assert!(info.contains("gaps        2 (1 x sampler starting, 500"), "{info}");
    assert!(info.contains("1 x source failed, 60 s"), "{info}");
    assert!(
        info.contains("lost        120 samples: cpu 60, disk 60; 5 not taken while starting"),
        "{info}"
    );
    let verify = answer(home.path(), &["verify"]);
    assert!(verify.contains("no damage found; 2 gaps, 120 samples lost"), "{verify}");
    for told in [&info, &verify] {
        let starting = told.lines().filter(|line| line.contains("sampler was starting"));
        assert_eq!(starting.count(), 1, "{told}");
        let hung: Vec<&str> = told.lines().filter(|line| line.contains(HUNG)).collect();
        assert_eq!(hung.len(), 1, "{told}");
        assert!(hung[0].contains("  cpu, disk  ") && hung[0].contains(" 60 s "), "{told}");
    }
}

#[test]
fn that_the_sampler_was_starting_is_told_only_to_whom_asks_about_the_time_before() {
    let home = tempfile::tempdir().unwrap();
    record_hang(home.path());
    let lines = |args: &[&str]| {
        let out = answer(home.path(), args);
        out.lines().filter(|line| line.contains("starting")).count()
    };
    for args in [
        &["range", "-t", "cpu"][..],
        &["range", "-t", "cpu", "--step", "7s"],
        &["range", "-t", "cpu", "-f", "jsonl"],
        &["replay", "--to", "start+2s"],
    ] {
        assert_eq!(lines(args), 0, "{args:?}");
    }
    assert_eq!(lines(&["range", "-t", "cpu", "--from", "start-10s"]), 1);
}

#[test]
fn causes_are_told_in_the_words_of_the_field() {
    let home = tempfile::tempdir().unwrap();
    record_hang(home.path());
    let start_ns = first_boot_time() + 200 * SECOND_NS;
    let mut writer = RecordingWriter::open(home.path(), WriterOptions::new(16 << 20)).unwrap();
    let table = writer.add_table(oom());
    for (n, (cause, detail)) in [
        (GapCause::Budget, ""),
        (GapCause::QueueFull, ""),
        (GapCause::Late, "the sampling timer fired late"),
        (GapCause::Late, "the kernel's timer was late"),
    ]
    .into_iter()
    .enumerate()
    {
        let from_ns = start_ns + 10 * n as u64 * SECOND_NS;
        let (table, detail) = ("oom".to_owned(), detail.to_owned());
        writer.gap(Gap { table, cause, from_ns, to_ns: from_ns + SECOND_NS, lost: 9, detail });
    }
    let mut record = RecordBuilder::new(&oom());
    record.begin_event(start_ns + 60 * SECOND_NS);
    record.u64(1);
    record.str("hog");
    record.u64(1);
    record.end_event();
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.close().unwrap();
    let out = answer(home.path(), &["range", "-t", "oom"]);
    for told in [
        "rate limit (events_per_s) reached: 9 events dropped",
        "write buffer full, 9 samples lost",
        "9 samples missed: the sampling timer fired late",
        // As a recorder of last year has it.
        "9 samples missed: the kernel's timer was late",
    ] {
        assert!(out.contains(told), "no {told:?} in {out}");
    }
}
