//! A procfs in a directory: no clocks, no taskstats, whatever text a test wants.

use super::super::{SOURCE, table};
use super::{Recorder, Row};
use crate::source::test_support::{context, sample, sample_of};
use nodemon_formats::Value;

const STAT: &str = "S 1 42 42 0 -1 4194560 10 20 30 40 50 60 70 80 20 -5 1 0 START 409600 7 0 1 \
                    1 0 0 0 0 0 0 0 0 0 0 17 3 0 0 0 0 0 0 0 0 77 0 0 0 0";

fn stat(pid: u32, command: &str, start: u32) -> String {
    format!("{pid} ({command}) {}\n", STAT.replace("START", &start.to_string()))
}

#[test]
fn every_field_has_its_column() {
    let status = "Name:\tx\nUid:\t5\t6\t7\t8\nVmRSS:\t 100 kB\nRssAnon:\t 60 kB\nRssFile:\t 30 kB\n\
                  RssShmem:\t 10 kB\nVmSwap:\t 4 kB\nvoluntary_ctxt_switches:\t11\n\
                  nonvoluntary_ctxt_switches:\t12\n";
    let io = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n\
              cancelled_write_bytes: 7\n";
    let (_dir, context) = context(&[
        ("42/stat", &stat(42, "a) b", 900)),
        ("42/status", status),
        ("42/io", io),
        ("42/cgroup", "0::/g\n"),
        ("42/cmdline", "a\0b c\0"),
        ("42/schedstat", "1 2 3\n"),
        ("9/stat", &stat(9, "bare", 1)),
    ]);
    let units = table::Units::here();
    let table = sample_of(&SOURCE, &context);
    let start_ns = (900 * units.tick_ns).to_string();
    let bare_start_ns = units.tick_ns.to_string();
    assert_eq!(table.keys(), [format!("9 {bare_start_ns}"), format!("42 {start_ns}")]);
    let value = |column| table.value(&["42", &start_ns], column).to_string();
    let tick_ns = units.tick_ns;
    let expected = [
        ("command", "a) b".to_owned()),
        ("cmdline", "a b c".to_owned()),
        ("state", "S".to_owned()),
        ("ppid", "1".to_owned()),
        ("uid", "6".to_owned()),
        ("cgroup", "/g".to_owned()),
        ("cpu_ns", String::new()),
        ("user_ns", (50 * tick_ns).to_string()),
        ("system_ns", (60 * tick_ns).to_string()),
        ("run_delay_ns", "2".to_owned()),
        ("io_delay_ns", String::new()),
        ("voluntary_switches", "11".to_owned()),
        ("involuntary_switches", "12".to_owned()),
        ("minor_faults", "10".to_owned()),
        ("major_faults", "30".to_owned()),
        ("threads", "1".to_owned()),
        ("priority", "20".to_owned()),
        ("nice", "-5".to_owned()),
        ("processor", "3".to_owned()),
        ("vsize_bytes", "409600".to_owned()),
        ("rss_bytes", "102400".to_owned()),
        ("rss_anon_bytes", "61440".to_owned()),
        ("rss_file_bytes", "30720".to_owned()),
        ("rss_shmem_bytes", "10240".to_owned()),
        ("swap_bytes", "4096".to_owned()),
        ("read_bytes", "5".to_owned()),
        ("write_bytes", "6".to_owned()),
        ("cancelled_write_bytes", "7".to_owned()),
        ("read_chars", "1".to_owned()),
        ("write_chars", "2".to_owned()),
        ("read_calls", "3".to_owned()),
        ("write_calls", "4".to_owned()),
    ];
    for (column, expected) in &expected {
        assert_eq!(value(column), *expected, "{column}");
    }
    assert_eq!(expected.len(), table.schema.values.len(), "every column is in this test");
    let bare = |column| table.value(&["9", &bare_start_ns], column);
    assert_eq!(bare("rss_bytes"), Value::U64(7 * units.page_bytes), "that of stat");
    for column in ["uid", "swap_bytes", "read_bytes", "voluntary_switches", "run_delay_ns"] {
        assert_eq!(bare(column), Value::Absent, "{column}: there is no such file");
    }
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let (dir, context) = context(&[("42/stat", &stat(42, "first", 100))]);
    let mut recorder = Recorder { source: (SOURCE.open)(&context).unwrap() };
    let first = Row::of_process(recorder.sample(), 42).unwrap();
    assert_eq!(first.text("command"), "first");
    std::fs::remove_dir_all(dir.path().join("42")).unwrap();
    std::fs::create_dir(dir.path().join("42")).unwrap();
    std::fs::write(dir.path().join("42/stat"), stat(42, "second", 101)).unwrap();
    std::fs::write(dir.path().join("42/cmdline"), "second\0").unwrap();
    let second = Row::of_process(recorder.sample(), 42).unwrap();
    assert_ne!(first.keys, second.keys, "the start tells them apart");
    assert_eq!(second.text("command"), "second");
    assert_eq!(second.text("cmdline"), "second");
}

#[test]
fn of_a_process_with_threads_the_first_thread_alone_is_not_shown_as_the_whole() {
    let threaded = stat(42, "x", 1).replace("20 -5 1 0", "20 -5 2 0");
    let status = "voluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n";
    let files = [("42/stat", &*threaded), ("42/status", status), ("42/schedstat", "1 2 3\n")];
    let (_dir, context) = context(&files);
    let row = Row::of_process(sample_of(&SOURCE, &context), 42).unwrap();
    assert_eq!(row.u64("threads"), 2);
    for column in ["voluntary_switches", "involuntary_switches", "run_delay_ns"] {
        assert_eq!(row.value(column), Value::Absent, "{column}");
    }
    let told = (SOURCE.open)(&context).unwrap().limits().join("\n");
    assert!(told.contains("several threads") && told.contains("another pid namespace"), "{told}");
}

#[test]
fn what_is_no_line_of_numbers_is_an_error_that_names_the_file() {
    let (_dir, context) = context(&[("42/stat", "42 (x) S one two\n")]);
    let mut source = (SOURCE.open)(&context).unwrap();
    let error = sample(source.as_mut(), &(SOURCE.tables)()).unwrap_err().to_string();
    assert!(error.contains("/42/stat") && error.contains("S one two"), "{error}");
}
