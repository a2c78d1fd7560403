//! `export`: whole tables as files.

use crate::support::{Recorded, SAMPLES, Said, ask, query, record};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{ColumnType, Schema};
use nodemon_skip::skip;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

fn export(recorded: &Recorded, to: &Path, more: &[&str]) -> Said {
    let mut args = vec!["export", "-o", to.to_str().unwrap()];
    args.extend(more);
    ask(&recorded.dir, &args)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = dir.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_table_becomes_a_file_and_so_do_the_gaps() {
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("a/b");
    let said = export(&recorded, &to, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(names(&to), ["cpu.parquet", "disk.parquet", "gaps.parquet", "oom.parquet"]);
    assert_eq!(said.out, "", "standard output stays empty");
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 1, "without a terminal there is one closing line: {}", said.err);
    // 290 samples of 2 CPUs, 30 of a disk and 20 of another, 3 events, 1 gap at least.
    assert!(lines[0].starts_with("note: wrote 4 files to "), "{}", lines[0]);
    assert!(lines[0].contains(": 634 rows, "), "{}", lines[0]);
}

#[test]
fn a_parquet_file_holds_the_rows_that_range_tells() {
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    assert_eq!(export(&recorded, home.path(), &["-t", "cpu"]).code, Some(0));
    let file = File::open(home.path().join("cpu.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let told = recorded.rows(&["-t", "cpu"]);
    let told: Vec<_> = told.iter().filter(|row| row.get("gap").is_none()).collect();
    let mut count = 0;
    for (row, told) in reader.get_row_iter(None).unwrap().zip(&told) {
        let row = row.unwrap();
        assert_eq!(row.get_ulong(1).unwrap(), told["cpu"].as_u64().unwrap());
        assert_eq!(row.get_ulong(2).unwrap(), told["user_ns"].as_u64().unwrap());
        assert_eq!(row.get_ulong(3).unwrap(), 7);
        count += 1;
    }
    assert_eq!(count, told.len());
    assert_eq!(count as u64, (SAMPLES - 10) * 2);
    let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let gaps = about.iter().find(|kv| kv.key == "nodemon.gaps").unwrap().value.as_deref().unwrap();
    let gaps: serde_json::Value = serde_json::from_str(gaps).unwrap();
    assert_eq!(
        gaps[0]["cause"], "sampling deadlines missed",
        "the file tells what it lacks: {gaps}"
    );
    assert_eq!(gaps[0]["lost"], 10);
}

/// Reads a table from both files with pyarrow; times, types and absent values must agree.
const COMPARE: &str = r#"
import sys, pyarrow as pa, pyarrow.csv as csv, pyarrow.parquet as pq
for table in sys.argv[2:]:
    columns = pq.read_table(f"{sys.argv[1]}/{table}.parquet")
    schema = columns.schema.remove_metadata()
    options = csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False)
    text = csv.read_csv(f"{sys.argv[1]}/{table}.csv", convert_options=options)
    assert text.column_names == columns.column_names, (table, text.column_names)
    for name in columns.column_names:
        a, b = columns[name], text[name]
        if pa.types.is_timestamp(a.type):
            # Python's own times stop at microseconds.
            a, b = a.cast(pa.int64()), b.cast(pa.int64())
        a, b = a.to_pylist(), b.to_pylist()
        assert a == b, (table, name, [x for x in zip(a, b) if x[0] != x[1]][:3])
    print(table, columns.num_rows)
"#;

/// The python3 in `PYTHON`, or the one that `scripts/readers` finds or makes.
fn python_with_pyarrow() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/readers");
        let output = Command::new(script).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    (!python.is_empty()).then_some(python)
}

#[test]
fn parquet_and_csv_of_a_range_are_equal_in_the_eyes_of_an_independent_reader() {
    let Some(python) = python_with_pyarrow() else {
        skip!("there is no python3 with pyarrow and none can be made");
        return;
    };
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    let span = ["--from", "start+3s", "--to", "start+25s"];
    for format in ["parquet", "csv"] {
        let said = export(&recorded, home.path(), &[&span[..], &["-f", format]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let mut compare = Command::new(&python);
    compare.args(["-c", COMPARE]).arg(home.path()).args(["cpu", "disk", "oom", "gaps"]);
    let output = compare.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pyarrow finds a difference: {errors}");
    let rows = String::from_utf8_lossy(&output.stdout);
    assert!(rows.starts_with("cpu 420\n"), "22 s without the gap of 1 s, 2 CPUs: {rows}");
}

#[test]
fn files_that_are_there_are_kept_unless_told_otherwise() {
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("cpu.csv");
    std::fs::write(&path, "mine").unwrap();
    let said = export(&recorded, home.path(), &["-f", "csv"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cpu.csv is there already; --force replaces it"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(names(home.path()), ["cpu.csv"], "nothing else was written");
    let said = export(&recorded, home.path(), &["-f", "csv", "--force"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("time,cpu,user_ns,system_ns\n"), "{text}");
}

#[test]
fn a_span_without_data_and_an_unknown_table_are_told_before_anything_is_written() {
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("out");
    let said = export(&recorded, &to, &["--from", "2001-01-01", "--to", "2001-01-02"]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("no table has rows in 2001-01-01"), "{}", said.err);
    assert!(said.err.contains("there are rows in 20"), "what there is is said: {}", said.err);
    let said = export(&recorded, &to, &["-t", "dsk"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("did you mean \"disk\"?"), "{}", said.err);
    assert!(!to.exists(), "a directory was made for nothing");
}

#[test]
fn a_full_disk_leaves_no_file_under_the_final_name_and_says_what_to_do() {
    let recorded = record();
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("small");
    std::fs::create_dir(&to).unwrap();
    let script = "mount -t tmpfs -o size=8k tmpfs \"$1\" || exit 99\n\
                  \"$2\" --dir \"$3\" export -f csv -t cpu -o \"$1\"; code=$?\n\
                  ls -A \"$1\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(&to).arg(query().get_program()).arg(&recorded.dir);
    let Ok(output) = command.env("NO_COLOR", "1").output() else {
        skip!("there is no unshare");
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(99) || errors.contains("unshare") {
        skip!("no file system can be mounted here: {errors}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("small/cpu.csv: No space left on device"), "{errors}");
    assert!(errors.contains("make room"), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "something was left behind");
}

/// Large enough that writing it as CSV takes a while.
fn record_much(dir: &Path) {
    let columns = (0..32).fold(Schema::sample("much", "test", "Much"), |schema, c| {
        schema.gauge(&format!("c{c}"), ColumnType::U64, unit::COUNT, "a number")
    });
    let mut writer = RecordingWriter::open(dir, WriterOptions::new(256 << 20)).unwrap();
    let number = writer.add_table(columns.clone());
    let mut record = RecordBuilder::new(&columns);
    for n in 0..100_000u64 {
        record.begin_sample(1_000_000_000 + n * 1_000_000);
        (0..32).for_each(|c| record.u64(n * 7919 * (c + 1)));
        record.end_sample();
        if n % 1000 == 999 {
            let mut archive = rkyv::util::AlignedVec::new();
            record.finish(number, &mut archive).unwrap();
            writer.push(&archive).unwrap();
            writer.commit().unwrap();
        }
    }
    writer.close().unwrap();
}

#[test]
fn ctrl_c_ends_an_export_and_leaves_nothing_half_written() {
    let home = tempfile::tempdir().unwrap();
    let recording = home.path().join("recording");
    record_much(&recording);
    let to = home.path().join("out");
    let mut child = Command::new(query().get_program())
        .args(["export", "-f", "csv", "-o"])
        .arg(&to)
        .arg("--dir")
        .arg(&recording)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !to.is_dir() || !names(&to).iter().any(|name| name.ends_with(".part")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert!(errors.contains("interrupted"), "{errors}");
    assert_eq!(names(&to), [""; 0], "something was left behind");
}

#[test]
fn names_of_tables_lead_nowhere_else() {
    let home = tempfile::tempdir().unwrap();
    let recording = home.path().join("recording");
    let mut writer = RecordingWriter::open(&recording, WriterOptions::new(16 << 20)).unwrap();
    for name in ["../../evil", ".._.._evil", "gaps"] {
        let schema = Schema::sample(name, "test", "A table").gauge(
            "value",
            ColumnType::U64,
            unit::COUNT,
            "a number",
        );
        let number = writer.add_table(schema.clone());
        let mut record = RecordBuilder::new(&schema);
        record.begin_sample(1_000_000_000);
        record.u64(1);
        record.end_sample();
        let mut archive = rkyv::util::AlignedVec::new();
        record.finish(number, &mut archive).unwrap();
        writer.push(&archive).unwrap();
    }
    writer.close().unwrap();
    let to = home.path().join("a/b/out");
    let said = ask(&recording, &["export", "-f", "csv", "-o", to.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = ["______evil.csv", "______evil_2.csv", "gaps.csv", "gaps_2.csv"];
    assert_eq!(names(&to), expected, "every table has a file of its own, in the directory");
    assert_eq!(names(&home.path().join("a")), ["b"]);
    let gaps = std::fs::read_to_string(to.join("gaps_2.csv")).unwrap();
    assert!(gaps.starts_with("time,table,until,cause,"), "{gaps}");
}
