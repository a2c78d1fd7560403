//! What goes wrong is told: what, which file, why, and what to do; and the exit code says so too.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::segment::FORMAT_VERSION;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{Gap, GapCause};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Expects a failure with this exit code whose message holds all of `words`.
fn expect(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "standard error: {}", said.err);
    for word in words {
        assert!(said.err.contains(word), "no {word:?} in: {}", said.err);
    }
}

fn segment(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        dir.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "redb"));
    files.sort();
    files[0].clone()
}

/// Where in a segment file the envelopes of chunks of a kind are.
fn chunks(bytes: &[u8], kind: u8) -> Vec<usize> {
    let magic = [b'N', b'M', b'C', b'K', kind];
    (0..bytes.len() - magic.len()).filter(|at| bytes[*at..].starts_with(&magic)).collect()
}

#[test]
fn a_directory_that_is_not_there_is_named_with_what_to_do() {
    let said = ask(Path::new("/nonexistent/recording"), &["info"]);
    expect(&said, 1, &["no recording at /nonexistent/recording", "--dir", "nodemon-recorder run"]);
}

#[test]
fn an_empty_directory_is_told_from_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let said = ask(dir.path(), &["range"]);
    expect(&said, 1, &[&dir.path().display().to_string(), "no segment"]);
}

#[test]
fn a_recording_that_may_not_be_read_says_whose_it_is_to_ask() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let recorded = record();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("nodemon-query"));
    command.arg("--dir").arg(&recorded.dir).arg("info");
    if rustix::process::geteuid().is_root() {
        // Root may read everything; ask as somebody else. The writer made the directory 0700.
        let home = recorded.dir.parent().unwrap();
        std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = home.join("nodemon-query");
        // Copied by another process: a child of another test would hold a file open for writing
        // that was made here, and what is open for writing cannot be run.
        let copied = Command::new("cp").arg(command.get_program()).arg(&program).status().unwrap();
        assert!(copied.success(), "cp: {copied}");
        command = Command::new(program);
        command.arg("--dir").arg(&recorded.dir).arg("info").uid(65534).gid(65534);
    } else {
        std::fs::set_permissions(&recorded.dir, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    let output = command.output().unwrap();
    std::fs::set_permissions(&recorded.dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    let said = Said {
        code: output.status.code(),
        out: String::new(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    expect(&said, 1, &["cannot read", &recorded.dir.display().to_string(), "as root"]);
}

#[test]
fn an_unknown_table_or_column_brings_the_nearest_to_mind() {
    let recorded = record();
    let said = ask(&recorded.dir, &["range", "-t", "cpus"]);
    expect(&said, 1, &["no table \"cpus\"", "did you mean \"cpu\"?"]);
    let said = ask(&recorded.dir, &["tables", "dsik"]);
    expect(&said, 1, &["no table \"dsik\"", "did you mean \"disk\"?"]);
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "-c", "usr_ns"]);
    expect(&said, 1, &["cpu has no column \"usr_ns\"", "did you mean \"user_ns\"?"]);
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "-w", "usr>50%"]);
    expect(&said, 1, &["cpu has no column \"usr\"", "did you mean \"user_ns\"?"]);
    let said = ask(&recorded.dir, &["range", "-t", "syscall"]);
    expect(&said, 1, &["no table \"syscall\"", "nodemon-recorder run --source syscall"]);
    let said = ask(&recorded.dir, &["range", "-t", "softirq_duration"]);
    expect(&said, 1, &["nodemon-recorder run --source softirq_latency switches it on"]);
    let said = ask(&recorded.dir, &["range", "-t", "disk", "-w", "inflight>1"]);
    expect(&said, 1, &["disk has no column \"inflight\"", "did you mean \"in_flight\"?"]);
}

#[test]
fn a_span_that_ends_before_it_starts_says_both_ends() {
    let recorded = record();
    let args = ["range", "-t", "cpu", "--from", "2026-11-20 03:12", "--to", "2026-11-20 03:11"];
    let said = ask(&recorded.dir, &args);
    expect(&said, 2, &["2026-11-20 03:12:00.000", "2026-11-20 03:11:00.000", "exchange"]);
}

#[test]
fn a_time_that_cannot_be_read_is_answered_with_times_that_can() {
    let recorded = record();
    for time in ["yesterday", "25:00", "-5", "2026-13-01"] {
        let said = ask(&recorded.dir, &["range", "-t", "cpu", "--from", time]);
        expect(&said, 2, &["--from", time, "03:12", "-5m"]);
    }
}

#[test]
fn a_span_without_data_says_which_span_has_some() {
    let recorded = record();
    let said =
        ask(&recorded.dir, &["range", "-t", "cpu", "--from", "2020-01-01", "--to", "2020-01-02"]);
    let first = jiff::Timestamp::from_nanosecond(recorded.start.into()).unwrap();
    let first = first.strftime("%Y-%m-%d %H:%M:%S").to_string();
    expect(&said, 3, &["cpu has no rows in 2020-01-01", "cpu spans", &first]);
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "-w", "cpu=9"]);
    expect(&said, 3, &["no row of cpu", "there is cpu = 0, 1"]);
    let said = ask(&recorded.dir, &["range", "-t", "disk", "-w", "in_flight>9"]);
    expect(&said, 3, &["no row of disk", "30 samples"]);
}

#[test]
fn an_answer_that_has_no_rows_leaves_no_file() {
    let recorded = record();
    let file = recorded.dir.with_file_name("cpu.csv");
    let args = ["range", "-t", "cpu", "--to", "start", "--from", "2020-01-01", "-o"];
    let said = said(query().arg("--dir").arg(&recorded.dir).args(args).arg(&file));
    expect(&said, 3, &["no data"]);
    assert!(!file.exists(), "a file without rows was left behind");
}

#[test]
fn a_newer_format_says_which_version_it_would_take() {
    let recorded = record();
    let path = segment(&recorded.dir);
    let mut bytes = std::fs::read(&path).unwrap();
    // The description as a later version would write it: its number, and a checksum that holds.
    for at in chunks(&bytes, 1) {
        bytes[at + 5] = u8::try_from(FORMAT_VERSION + 1).unwrap();
        let length = u32::from_le_bytes(bytes[at + 16..at + 20].try_into().unwrap()) as usize;
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&bytes[at..at + 20]);
        hash.update(&bytes[at + 24..at + 24 + length]);
        bytes[at + 20..at + 24].copy_from_slice(&(hash.digest() as u32).to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let said = ask(&recorded.dir, &["info"]);
    let version = format!("format version {}", FORMAT_VERSION + 1);
    expect(&said, 1, &[&path.display().to_string(), &version, "at least as new"]);
}

#[test]
fn a_damaged_block_costs_its_rows_only_and_is_named() {
    let recorded = record();
    let whole = recorded.rows(&["-t", "cpu"]).len();
    let path = segment(&recorded.dir);
    let mut bytes = std::fs::read(&path).unwrap();
    let blocks = chunks(&bytes, 3);
    assert!(blocks.len() >= 3, "the recording has {} blocks", blocks.len());
    // The payload of every block of which the file has a copy, so that no copy is left of one.
    let victim = blocks[1];
    let id = bytes[victim + 8..victim + 16].to_vec();
    for at in blocks.into_iter().filter(|at| bytes[at + 8..at + 16] == id).collect::<Vec<_>>() {
        bytes[at + 40] ^= 1;
    }
    std::fs::write(&path, bytes).unwrap();

    let mut rows = 0;
    let mut codes = Vec::new();
    for table in ["cpu", "disk", "oom"] {
        let said = ask(&recorded.dir, &["range", "-t", table, "-f", "jsonl"]);
        if said.code == Some(4) {
            expect(&said, 4, &["warning:", &path.display().to_string(), "damaged"]);
        }
        codes.push(said.code);
        rows += said.out.lines().filter(|line| line.starts_with("{\"time\"")).count();
    }
    assert!(codes.contains(&Some(4)), "no query met the damage: {codes:?}");
    assert!(rows > whole / 2, "one damaged block cost {rows} of more than {whole} rows");
    let verify = ask(&recorded.dir, &["verify"]);
    assert_eq!(verify.code, Some(4), "{}{}", verify.out, verify.err);
    assert!(verify.out.contains("damaged") && verify.out.contains("1 problem"), "{}", verify.out);
}

#[test]
fn a_reader_that_had_enough_is_no_error() {
    let recorded = record();
    for format in ["table", "csv", "jsonl", "parquet", "arrow"] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("nodemon-query"))
            .args(["range", "-t", "disk", "-f", format, "--dir"])
            .arg(&recorded.dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "-f {format}: {err}");
        assert_eq!(err, "", "-f {format} complains to a closed pipe");
    }
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("nodemon-query"))
        .args(["range", "-t", "cpu", "--dir"])
        .arg(&recorded.dir)
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("-- "), "{line:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let recorded = record();
    for format in ["table", "csv", "jsonl"] {
        let args = ["range", "-t", "cpu", "-f", format, "-o", "/dev/full"];
        expect(
            &ask(&recorded.dir, &args),
            1,
            &["cannot write /dev/full", "No space left", "make room"],
        );
    }
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "-o", "/nonexistent/cpu.csv"]);
    expect(&said, 1, &["cannot write /nonexistent/cpu.csv", "directory has to be there"]);
}

#[test]
fn a_question_that_makes_no_sense_is_told_from_one_that_failed() {
    let recorded = record();
    for (args, words) in [
        (&["range", "-f", "csv"][..], &["one table", "-t", "cpu, disk, oom"][..]),
        (&["range", "-c", "user"], &["-c chooses columns of one table"]),
        (&["range", "-t", "cpu", "-w", "cpu"], &["a filter looks like"]),
        (&["range", "-t", "cpu", "-w", "user>fast"], &["50%"]),
        (&["range", "-t", "disk", "-w", "device>sda"], &["=, != and ~"]),
        (&["range", "-t", "cpu", "--agg", "max"], &["--step"]),
        (&["range", "-t", "cpu", "--step", "1s", "--agg", "median"], &["p99.9"]),
        (&["range", "-t", "cpu", "--step", "0s"], &["longer than 0"]),
        (&["range", "-t", "cpu", "--rate", "--raw"], &["cannot be used with"]),
        (&["range", "-t", "cpu", "--from", "+5s"], &["counts from --from"]),
    ] {
        expect(&ask(&recorded.dir, args), 2, words);
    }
}

#[test]
fn a_table_that_never_came_to_a_row_is_told_with_the_reason_that_its_gap_has() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    writer.gap(Gap {
        table: "net_traffic".into(),
        cause: GapCause::SourceFailed,
        from_ns: first_boot_time(),
        to_ns: first_boot_time() + SECOND_NS,
        lost: 1,
        detail: "there is no such interface".into(),
    });
    writer.commit().unwrap();
    writer.close().unwrap();
    let said = ask(&dir, &["range", "-t", "net_traffic"]);
    expect(&said, 1, &["no table \"net_traffic\"", "source failed: there is no such interface"]);
    expect(&ask(&dir, &["range"]), 3, &["the recording holds no row at all"]);
}

#[test]
fn samples_of_nothing_are_told_from_rows_that_no_filter_lets_through() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let table = writer.add_table(disk());
    let mut record = RecordBuilder::new(&disk());
    record.begin_sample(first_boot_time());
    record.end_sample();
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.close().unwrap();
    let said = ask(&dir, &["range", "-t", "disk", "--raw"]);
    expect(
        &said,
        3,
        &["disk has no rows in", "its samples are empty", "searched 1 sample; none matched"],
    );
    let said = ask(&dir, &["range", "-t", "disk", "--raw", "-w", "device=sda"]);
    expect(&said, 3, &["passes -w device"]);
}

#[test]
fn what_is_no_recording_is_told_as_what_it_is() {
    let recorded = record();
    let home = recorded.dir.parent().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(home.join(name), bytes).unwrap();
        home.join(name)
    };
    let parquet = home.join("cpu.parquet");
    let path = parquet.to_str().unwrap();
    recorded.answer(&["range", "-t", "cpu", "-o", path]);
    for (path, code, words) in [
        (parquet.clone(), 1, &["a Parquet file, not a recording", "DuckDB"][..]),
        (file("empty", b""), 1, &["an empty file, not a recording", "segment-*.redb"]),
        (file("rows.csv", b"time,cpu\n"), 1, &["a text file, not a recording"]),
        (file("old.redb.zst", b"\x28\xb5\x2f\xfd"), 1, &["compressed with zstd", "unpack it"]),
        ("/dev/null".into(), 1, &["a device, not a recording"]),
        ("/etc".into(), 1, &["/etc holds no segment"]),
        (home.to_owned(), 1, &["holds no segment", "there is one in", "recording: name that"]),
    ] {
        expect(&ask(&path, &["info"]), code, words);
        expect(&ask(&path, &["range", "-t", "cpu"]), code, words);
    }
    let one = ask(&segment(&recorded.dir), &["range", "-t", "cpu", "-f", "jsonl"]);
    assert_eq!(one.code, Some(0), "a segment can be asked alone: {}", one.err);
    assert!(one.out.lines().count() > 500, "{}", one.out.lines().count());
}

#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    expect(&ask(&pipe, &["info"]), 1, &["a named pipe, not a recording"]);
}

#[test]
fn an_empty_variable_counts_as_not_set_and_an_empty_flag_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut command = query();
    command.env("NODEMON_DIR", "").env("XDG_STATE_HOME", home.path()).arg("info");
    let said_ = said(&mut command);
    assert!(!said_.err.contains("--help"), "an empty variable is taken for a flag: {}", said_.err);
    let unset = said(query().env("XDG_STATE_HOME", home.path()).arg("info"));
    assert_eq!((said_.code, said_.err), (unset.code, unset.err));
    expect(&said(query().args(["--dir", "", "info"])), 2, &["--dir is empty", "directory"]);
}

#[test]
fn a_span_that_has_not_been_yet_says_so_and_what_there_is() {
    let recorded = record();
    for command in [&["range", "-t", "cpu"][..], &["range"], &["replay"], &["export", "-o", "x"]] {
        let args = [command, &["--from", "2096-01-01"]].concat();
        expect(&ask(&recorded.dir, &args), 3, &["in the future", "the recording spans"]);
    }
    let said = ask(&recorded.dir, &["range", "-t", "cpu", "--from", "end"]);
    expect(&said, 3, &["behind the end of the recording", "the recording spans"]);
    let said = ask(&recorded.dir, &["replay", "--from", "2020-01-01", "--to", "2020-01-02"]);
    expect(&said, 3, &["nothing was recorded in 2020-01-01", "the recording spans"]);
    let said =
        ask(&recorded.dir, &["export", "-o", "x", "--to", "2020-01-02", "--from", "2020-01-01"]);
    expect(&said, 3, &["no table has rows in 2020-01-01", "there are rows in"]);
    let between = ["range", "-t", "disk", "--from", "end-400ms", "--to", "end-300ms"];
    expect(&ask(&recorded.dir, &between), 3, &["disk spans", "it is sampled every 1.0 s"]);
}

#[test]
fn what_was_sampled_a_moment_ago_is_told_to_come() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let table = writer.add_table(disk());
    let mut record = RecordBuilder::new(&disk());
    record.begin_sample(nodemon_formats::clock::boottime_ns());
    record.instance(|key| key.str("sda"));
    record.u64(0);
    record.u64(0);
    record.absent();
    record.end_sample();
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(table, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.commit().unwrap();
    for command in [&["range", "-t", "disk"][..], &["range"], &["replay"]] {
        let said = ask(&dir, &[command, &["--from", "-1us"]].concat());
        expect(&said, 3, &["can be read within", "ask for more, such as --from -5s"]);
    }
}

#[test]
fn a_speed_is_a_factor() {
    let recorded = record();
    for speed in ["fast", "-1", "inf", "nan"] {
        let said = ask(&recorded.dir, &["replay", "--speed", speed]);
        expect(&said, 2, &["--speed", speed, "10 is ten times as fast"]);
    }
    for speed in ["0", "1000x", "x1000"] {
        let said = ask(&recorded.dir, &["replay", "--from", "-1s", "--speed", speed]);
        assert_eq!(said.code, Some(0), "{speed}: {}", said.err);
    }
}
