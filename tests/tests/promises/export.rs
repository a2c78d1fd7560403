//! Parquet and CSV of the same range hold the same, and what the library reads, when a reader that
//! is not ours reads them back.

use nodemon_skip::skip;
use nodemon_tests::{Recorder, Setup, ask_ok, csv, read_table};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Compares DIR/NAME.parquet and DIR/NAME.csv of every NAME, cell by cell.
const COMPARE: &str = include_str!("compare.py");

#[test]
fn parquet_and_csv_of_the_same_range_are_equal_when_pyarrow_reads_them_back() {
    let Some(python) = python_with_pyarrow() else {
        skip!("there is no python3 with pyarrow and none can be made");
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let mut recorder = Recorder::start_recording(&Setup::new(&dir).every("100ms"));
    recorder.wait_for(Duration::from_secs(3));
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "the recorder ended with {status}:\n{log}");

    let out = scratch.path().join("out");
    let path = out.to_str().unwrap();
    for format in ["parquet", "csv"] {
        ask_ok(&dir, &["export", "--from", "start", "--to", "now", "-f", format, "-o", path]);
    }
    let compared = Command::new(python).arg("-c").arg(COMPARE).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{said}\n{}", String::from_utf8_lossy(&compared.stderr));
    println!("{said}");

    // And both are what was recorded: the files hold as many rows as the library reads.
    for name in ["cpu", "memory", "load", "disk", "net"] {
        let text = std::fs::read_to_string(out.join(format!("{name}.csv"))).unwrap();
        let rows = csv(&text).1.len();
        assert_eq!(rows, read_table(&dir, name).rows.len(), "{name}.csv lacks or invents rows");
    }
}

/// A python3 that has pyarrow, which `scripts/readers` finds or makes.
fn python_with_pyarrow() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/readers");
    let output = Command::new(script).output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let path = String::from_utf8(output.stdout).unwrap();
    (!path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}
