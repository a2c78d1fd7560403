//! Names that others chose: nothing in them acts on a terminal, and no format breaks over them.

use super::support::*;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::text::is_unprintable;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Gap, GapCause, Schema};
use std::path::Path;

/// Names that do something to a terminal, to a path, to CSV or to a line of ours.
const NAMES: [&str; 14] = [
    "\x1b[31mRED\x1b]0;title\x07",
    "../../ESCAPED",
    "/tmp/ABSOLUTE",
    "a\0b",
    "a/b",
    "a_b",
    "gpj.\u{202e}exe",
    "gaps",
    "con\n\rnewline,\"quote\"",
    "\u{9b}31mC1",
    "\u{200b}\u{2066}\u{feff}\u{ad}\u{e0041}\u{2028}",
    "=cmd|'/C calc'!A0",
    "..",
    "process",
];

fn table(name: &str) -> Schema {
    let mut schema = Schema::sample(name, "src\x1b[31m", "doc\x1b[5m\u{202e}. More")
        .key("dev\x1b[31m", ColumnType::String, "k\x1b[0m")
        .key("time", ColumnType::String, "of one name with the time")
        .counter("c\x1b[7m_ns", "ns", "x\x1b[2J")
        .gauge("a,b\"\n", ColumnType::U64, "u\x1b[1m", "")
        .state("dev\x1b[31m", ColumnType::String, "of one name with a key")
        .state("table", ColumnType::String, "")
        .state("gap", ColumnType::Bytes, "")
        .state("command", ColumnType::String, "");
    schema.interval_ns = SECOND_NS;
    schema
}

/// A recording in which everything that can be named has such a name.
fn record(dir: &Path) {
    let mut options = WriterOptions::new(16 << 20);
    options.host = "h\x1b[31mOST\x07\n\u{202e}".into();
    options.boot_id = "b\x1b]0;pwn\x07".into();
    options.recorder_version = "9\x1b[2J".into();
    let mut writer = RecordingWriter::open(dir, options).unwrap();
    let start_ns = first_boot_time();
    let long = "L".repeat(70_000);
    for (t, name) in NAMES.iter().copied().chain([long.as_str()]).enumerate() {
        let schema = table(name);
        let number = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        for second in 0..5 {
            record.begin_sample(start_ns + second * SECOND_NS);
            for instance in 0..2 {
                let name = NAMES[(t + instance) % NAMES.len()];
                record.instance(|key| {
                    key.str(name);
                    key.bytes(b"\xff\x1b[31m");
                });
                record.u64(second * 1000);
                record.u64(7);
                record.str(name);
                record.bytes(b"\xc0\x1b[31m\n\r\",");
                record.bytes(b"\x00\x1b");
                record.str("\x1b[2Jrm \u{202e}");
            }
            record.end_sample();
        }
        let mut archive = rkyv::util::AlignedVec::new();
        record.finish(number, &mut archive).unwrap();
        writer.push(&archive).unwrap();
    }
    for table in ["\x1b[31mRED\x1b]0;title\x07", "", "process"] {
        writer.gap(Gap {
            table: table.into(),
            cause: GapCause::Disk,
            from_ns: start_ns + SECOND_NS,
            to_ns: start_ns + 2 * SECOND_NS,
            lost: 3,
            detail: "d\x1b]0;gap\x07\n-- gap forged".into(),
        });
    }
    writer.commit().unwrap();
    writer.close().unwrap();
}

fn assert_printable(what: &[&str], stream: &str, text: &str) {
    let acts = text.chars().find(|c| *c != '\n' && is_unprintable(*c));
    assert_eq!(
        acts, None,
        "{what:?}: a character that acts on a terminal is in {stream}: {text:?}"
    );
    assert!(!text.contains("\n-- gap forged"), "{what:?}: a gap is forged in {stream}: {text:?}");
}

#[test]
fn names_that_others_chose_do_nothing_to_a_terminal_whatever_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("rec\x1b[31mord\u{202e}ing");
    record(&dir);
    let first = NAMES[0];
    let commands: &[&[&str]] = &[
        &["info"],
        &["info", "--all"],
        &["tables"],
        &["tables", first],
        &["tables", "unknown\x1b[31m"],
        &["range"],
        &["range", "--rate", "-f", "jsonl"],
        &["range", "-t", first],
        &["range", "-t", first, "--raw"],
        &["range", "-t", first, "--step", "2s", "--agg", "last,count"],
        &["range", "-t", first, "-f", "jsonl"],
        &["range", "-t", first, "-c", "nothing"],
        &["range", "-t", first, "-w", "time=x"],
        &["range", "-t", first, "-w", "table=x"],
        &["range", "-t", first, "-f", "csv", "-c", "gap", "-w", "dev=x"],
        &["range", "-t", first, "--from", "2020-01-01", "--to", "2020-01-02"],
        &["replay"],
        &["replay", "-f", "jsonl"],
        &["portrait", "1"],
        &["portrait", first],
        &["portrait", "\x1b[2Jrm \u{202e}", "-f", "json"],
        &["verify"],
    ];
    for args in commands {
        let said = ask(&dir, args);
        assert!(said.code.is_some_and(|code| code < 5), "{args:?}: {:?}: {}", said.code, said.err);
        assert_printable(args, "standard output", &said.out);
        assert_printable(args, "standard error", &said.err);
    }
    let said = ask(&dir, &["range", "-t", first]);
    assert!(said.out.contains("gpj") || said.out.contains("RED"), "names are shown: {}", said.out);
}

#[test]
fn json_says_names_exactly_and_no_key_twice() {
    let home = tempfile::tempdir().unwrap();
    record(home.path());
    let said = ask(home.path(), &["range", "-t", NAMES[0], "-f", "jsonl"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let line = said.out.lines().find(|line| line.contains("RED")).unwrap();
    let row: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(row["dev\x1b[31m"], NAMES[0], "a key is told exactly: {line}");
    assert_eq!(row["dev\x1b[31m_"], NAMES[0], "a value of the name of a key has its own: {line}");
    assert_eq!(row["time_"], "\\xff\x1b[31m", "a key named time is not the time: {line}");
    assert_eq!(row["command"], "\x1b[2Jrm \u{202e}");
    assert_eq!(row.as_object().unwrap().len(), 9, "each column once: {line}");
    let all = ask(home.path(), &["range", "-f", "jsonl"]);
    let row: serde_json::Value = serde_json::from_str(all.out.lines().next().unwrap()).unwrap();
    assert!(row["table"].is_string() && row["table_"].is_string(), "{row}");
}

#[test]
fn every_table_has_a_file_whatever_it_is_called() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    record(&dir);
    for format in ["csv", "parquet"] {
        let out = home.path().join(format);
        let said = ask(&dir, &["export", "-f", format, "-o", &out.display().to_string()]);
        assert_eq!(said.code, Some(0), "{format}: {}", said.err);
        assert_printable(&["export", format], "standard error", &said.err);
        let files = out.read_dir().unwrap().count();
        assert_eq!(files, NAMES.len() + 2, "a file for each table and one for the gaps");
    }
    let outside = home.path().read_dir().unwrap().count();
    assert_eq!(outside, 3, "nothing is written beside the directory that was named");
    let header = std::fs::read_to_string(home.path().join("csv/process.csv")).unwrap();
    let header = header.split("\n2").next().unwrap();
    assert_eq!(
        header, "time,dev\x1b[31m,time_,c\x1b[7m_ns,\"a,b\"\"\n\",dev\x1b[31m_,table,gap,command",
        "names of columns are exact, and each is there once"
    );
}

#[test]
fn two_names_that_are_no_text_stay_two_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::open(home.path(), WriterOptions::new(16 << 20)).unwrap();
    let mut schema = Schema::sample("group", "/sys", "Groups")
        .key("name", ColumnType::String, "")
        .counter("cpu_ns", "ns", "");
    schema.interval_ns = SECOND_NS;
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    for second in 0..4 {
        record.begin_sample(first_boot_time() + second * SECOND_NS);
        for (name, cpu_ns) in [(b"a\xff", 1_000_000_000), (b"a\xfe", 100_000_000)] {
            record.instance(|key| key.bytes(name));
            record.u64(second * cpu_ns);
        }
        record.end_sample();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(number, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    for args in [
        &["range", "-t", "group"][..],
        &["range", "-t", "group", "-f", "csv"],
        &["range", "-t", "group", "-f", "jsonl"],
        &["range", "-t", "group", "--step", "10s", "--agg", "max"],
    ] {
        let said = ask(home.path(), args);
        assert_eq!(said.code, Some(0), "{}", said.err);
        for name in ["xff", "xfe"] {
            assert!(said.out.contains(name), "{args:?} merges names: {}", said.out);
        }
    }
    let said = ask(home.path(), &["range", "-t", "group", "-w", "name=a\\\\xfe", "-f", "csv"]);
    assert_eq!(said.out.matches("xfe").count(), 4, "{}{}", said.out, said.err);
}
