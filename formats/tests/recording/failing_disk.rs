//! A disk that is full, read-only or refuses: the writer goes on, and what is lost is counted.

use super::child;
use super::noise::{noise, push_noise};
use super::support::{open_writer, push, rows_of};
use nodemon_formats::gap::GapCause;
use nodemon_formats::reader::Recording;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::{
    LEAST_RING_BYTES, RecordingWriter, TierOptions, WriteError, WriterOptions,
};
use nodemon_skip::skip;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A slow table of one value, which is also its time.
fn slow() -> Schema {
    let mut schema = Schema::sample("slow", "a test", "goes through the journal").gauge(
        "time",
        ColumnType::U64,
        unit::NS,
        "its own time",
    );
    schema.interval_ns = 1_000_000_000;
    schema
}

fn push_slow(writer: &mut RecordingWriter, table: u32, time_ns: u64) {
    let mut record = RecordBuilder::new(&slow());
    record.begin_sample(time_ns);
    record.u64(time_ns);
    record.end_sample();
    push(writer, &mut record, table);
}

fn count(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

/// Resident memory of this process, bytes.
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Commits while the disk refuses, each time with `noise_rows` samples of noise, then `works` and commits
/// again. The recording must then have every row that was committed and one gap a table for those
/// that were not.
fn outlive(dir: &Path, failures: u64, noise_rows: u64, fails: impl FnOnce(), works: impl FnOnce()) {
    let mut options = WriterOptions::new(3 * LEAST_RING_BYTES);
    options.tiers = vec![TierOptions { step_ns: 2_000_000_000, size_bytes: LEAST_RING_BYTES }];
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let table = writer.add_table(slow());
    let schema = noise();
    let noise = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let second = |number: u64| (1 + number) * 1_000_000_000;
    for number in 0..70 {
        push_slow(&mut writer, table, second(number));
        writer.commit().unwrap();
    }
    fails();
    let mut open_files = 0;
    let mut files = 0;
    let mut resident = 0;
    for number in 0..failures {
        push_slow(&mut writer, table, second(100 + number));
        push_noise(&mut writer, &mut record, noise, number * noise_rows..(number + 1) * noise_rows);
        let error = writer.commit().expect_err("a disk that refuses took a commit");
        assert!(matches!(error, WriteError::Disk { .. }), "{error}");
        let now = (count(Path::new("/proc/self/fd")), count(dir));
        if number == 50 {
            (open_files, files) = now;
            resident = resident_bytes();
        }
        assert!(number <= 50 || now == (open_files, files), "{number} failures: {now:?} files");
    }
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < 4 << 20, "{grown} bytes more are in use after {failures} failures");
    works();
    for number in 0..3 {
        push_slow(&mut writer, table, second(2000 + number));
        writer.commit().unwrap_or_else(|error| panic!("the disk works again: {error}"));
    }
    let stats = writer.stats();
    assert_eq!(stats.samples_lost, failures * (noise_rows + 1));
    assert_eq!(stats.samples_in, stats.samples_stored + stats.samples_lost);
    writer.close().unwrap();

    let (rows, problems) = rows_of(dir, "slow", 1);
    assert!(problems.is_empty(), "{problems:?}");
    let times: Vec<u64> = rows.iter().map(|(time, ..)| *time).collect();
    let expected: Vec<u64> = (0..70).chain(2000..2003).map(second).collect();
    assert_eq!(times, expected, "committed rows");
    assert!(rows.iter().all(|(time, _, values)| values[..] == [Value::U64(*time)]));
    let recording = Recording::open(dir).unwrap();
    let gaps = recording.gaps(None, i64::MIN, i64::MAX).unwrap();
    let mut told: Vec<(&str, u64, u64, u64)> = (gaps.iter())
        .filter(|gap| gap.gap.cause == GapCause::Disk)
        .map(|gap| (&gap.gap.table[..], gap.gap.from_ns, gap.gap.to_ns, gap.gap.lost))
        .collect();
    told.sort_unstable();
    let milli = |row: u64| 1_000_000 + row * 1_000_000;
    assert_eq!(
        told,
        [
            ("noise", milli(0), milli(failures * noise_rows - 1), failures * noise_rows),
            ("slow", second(100), second(100 + failures - 1), failures),
        ]
    );
    assert!(gaps.iter().all(|gap| gap.gap.cause != GapCause::Disk || !gap.gap.detail.is_empty()));
    let left: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn a_directory_that_was_taken_away_is_made_anew_and_costs_nothing_where_nothing_was_open() {
    let place = tempfile::tempdir().unwrap();
    let (dir, away) = (place.path().join("recording"), place.path().join("away"));
    let mut writer = open_writer(&dir);
    let table = writer.add_table(slow());
    fs::rename(&dir, &away).unwrap();
    push_slow(&mut writer, table, 1000);
    writer.commit().unwrap();
    writer.close().unwrap();
    let recording = Recording::open(&dir).unwrap();
    assert_eq!(recording.gaps(None, i64::MIN, i64::MAX).unwrap().len(), 0);
    assert_eq!(recording.table("slow").unwrap().unwrap().rows, 1);
}

/// Runs a child with a small file system of its own, where that may be mounted.
fn in_a_small_file_system(name: &str, through: &str) {
    let may_mount = Command::new("unshare").args(["-m", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) || !child::may_become_nobody() {
        skip!("only root can mount a file system or become an ordinary user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=6m,mode=777 tmpfs {} &&", dir.path().display());
    let inner = child::command(name, dir.path(), &mount, through);
    let mut command = Command::new("unshare");
    command.arg("-m").arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    child::assert_success(&command.output().unwrap());
}

/// A file that leaves `left_bytes` of the file system.
fn fill(ballast: &Path, left_bytes: u64) {
    let mut file = fs::File::create(ballast).unwrap();
    let mut size = 0;
    while file.write_all(&[7; 4096]).is_ok() {
        size += 4096;
    }
    file.set_len(size - left_bytes).unwrap();
}

#[test]
fn a_full_disk_costs_what_came_while_it_was_full() {
    in_a_small_file_system("failing_disk::child_full", "");
}

#[test]
fn child_full() {
    let Some(dir) = child::dir() else { return };
    let ballast = dir.join("ballast");
    outlive(&dir.join("r"), 1000, 100, || fill(&ballast, 0), || fs::remove_file(&ballast).unwrap());
}

#[test]
fn a_disk_with_room_for_a_segment_but_not_for_a_commit_is_full() {
    in_a_small_file_system("failing_disk::child_nearly_full", "");
}

#[test]
fn child_nearly_full() {
    let Some(dir) = child::dir() else { return };
    let ballast = dir.join("ballast");
    // Each commit brings 256 KiB of noise.
    let fails = || fill(&ballast, 160 << 10);
    outlive(&dir.join("r"), 200, 2000, fails, || fs::remove_file(&ballast).unwrap());
}

#[test]
fn a_directory_that_became_read_only_costs_what_came_while_it_was() {
    in_a_small_file_system("failing_disk::child_read_only", child::AS_NOBODY);
}

#[test]
fn child_read_only() {
    let Some(dir) = child::dir() else { return };
    let recording = dir.join("r");
    let ballast = dir.join("ballast");
    let allow = |mode: u32| {
        fs::set_permissions(&recording, fs::Permissions::from_mode(mode)).unwrap();
        let tier = recording.join("tier-2s");
        fs::set_permissions(tier, fs::Permissions::from_mode(mode)).unwrap();
    };
    let fails = || {
        // A file that is open stays writable: the disk is full first, so that the segment is
        // closed, and then it has room that nobody may use.
        fill(&ballast, 0);
        allow(0o500);
    };
    let works = || {
        fs::remove_file(&ballast).unwrap();
        allow(0o700);
    };
    outlive(&recording, 300, 100, fails, works);
}
