//! `replay`: a span of time as it happened.

use crate::support::{ask, query, record};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::unit;
use nodemon_formats::writer::{RecordingWriter, WriterOptions};
use nodemon_formats::{Gap, GapCause, Schema};
use nodemon_skip::skip;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn ticks(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn programs_get_an_object_a_tick_with_rates_events_and_gaps() {
    let recorded = record();
    let ticks = ticks(&recorded.answer(&["replay", "-f", "jsonl"]));
    // Samples begin 50 ms behind a full second, so 30 s of them touch 30 ticks.
    assert_eq!(ticks.len(), 30);
    for (second, tick) in ticks.iter().enumerate() {
        assert_eq!(tick["step_ns"], 1_000_000_000, "tick {second}");
        let is_missing = second == 10;
        assert_eq!(tick["cpu"].as_array().unwrap().is_empty(), is_missing, "tick {second}: {tick}");
    }
    let user =
        |second: usize, cpu: usize| ticks[second]["cpu"][cpu]["user_ratio"].as_f64().unwrap();
    for second in [1, 5, 15, 29] {
        assert!((user(second, 0) - 0.5).abs() < 0.01, "CPU 0 runs half of the time");
        assert!((user(second, 1) - 0.25).abs() < 0.01, "CPU 1 runs a quarter of the time");
    }
    let gaps = |second: usize| ticks[second]["gap"].as_array().unwrap();
    assert_eq!(gaps(10)[0]["cause"], "sampling deadlines missed");
    assert_eq!(gaps(10)[0]["table"], "cpu");
    let events = |second: usize| ticks[second]["event"].as_array().unwrap();
    assert_eq!(events(5)[0]["table"], "oom");
    let text = events(5)[0]["text"].as_str().unwrap();
    assert!(text.starts_with("pid=1050 command=hog"), "{text}");
    assert!(events(6).is_empty());
    // sdb is unplugged for the second ten seconds.
    let disks = |second: usize| ticks[second]["disk"].as_array().unwrap().len();
    assert_eq!([disks(9), disks(10), disks(19), disks(20)], [2, 1, 1, 2]);
    let read = ticks[4]["disk"][1]["read_bytes_per_s"].as_f64().unwrap();
    assert!((read - 2.0 * 1_048_576.0).abs() < 1.0, "sdb reads 2 MiB a second: {read}");
}

#[test]
fn a_table_sampled_less_often_than_there_are_ticks_holds_until_its_next_sample() {
    let recorded = record();
    let span = ["--from", "start+3s", "--to", "+2s", "--step", "100ms"];
    let ticks = ticks(&recorded.answer(&[&["replay", "-f", "jsonl"][..], &span].concat()));
    assert!((20..=21).contains(&ticks.len()), "{} ticks of 100 ms in 2 s", ticks.len());
    for tick in &ticks {
        assert_eq!(tick["cpu"].as_array().unwrap().len(), 2, "sampled every 100 ms: {tick}");
        assert_eq!(tick["disk"].as_array().unwrap().len(), 2, "sampled every second: {tick}");
    }
}

#[test]
fn into_a_pipe_screens_come_as_text_one_after_the_other() {
    let recorded = record();
    let text = recorded.answer(&["replay"]);
    assert!(!text.contains('\x1b'), "there are escape sequences in a pipe");
    let screens: Vec<&str> = text.trim_end().split("\n\n").collect();
    assert_eq!(screens.len(), 30);
    assert!(screens[3].contains("CPU     busy"), "{}", screens[3]);
    assert!(screens[3].contains("  0    50.0 [||||||      ]"), "{}", screens[3]);
    assert!(screens[3].contains("sdb"), "{}", screens[3]);
    assert!(screens[5].contains("OOM"), "{}", screens[5]);
    assert!(screens[10].contains("gap: cpu, 1.1 s until"), "{}", screens[10]);
    assert!(screens[10].contains("10 samples missed: the recorder woke late"), "{}", screens[10]);
}

#[test]
fn speed_is_kept_to_also_into_a_pipe() {
    let recorded = record();
    let begin = Instant::now();
    recorded.answer(&["replay", "--from", "start+1s", "--to", "+3s", "--speed", "10"]);
    assert!(begin.elapsed() >= Duration::from_millis(300), "3 s at ten times the speed");
}

#[test]
fn a_night_without_a_recorder_is_one_tick() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let mut schema = Schema::sample("kernel", "/proc/stat", "The kernel").counter(
        "context_switches",
        unit::COUNT,
        "switches",
    );
    schema.interval_ns = 1_000_000_000;
    let mut writer = RecordingWriter::open(&dir, WriterOptions::new(16 << 20)).unwrap();
    let number = writer.add_table(schema.clone());
    let mut record = RecordBuilder::new(&schema);
    let night = 8 * 3600;
    for second in (1..=5).chain(night..night + 5) {
        record.begin_sample(second * 1_000_000_000);
        record.u64(second * 100);
        record.end_sample();
    }
    let mut archive = rkyv::util::AlignedVec::new();
    record.finish(number, &mut archive).unwrap();
    writer.push(&archive).unwrap();
    writer.gap(Gap {
        table: String::new(),
        cause: GapCause::NotRunning,
        from_ns: 5_000_000_000,
        to_ns: night * 1_000_000_000,
        lost: 0,
        detail: String::new(),
    });
    writer.close().unwrap();
    let said = ask(&dir, &["replay", "-f", "jsonl"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let ticks = ticks(&said.out);
    let empty: Vec<_> = ticks.iter().filter(|tick| tick["kernel"].is_null()).collect();
    assert_eq!((ticks.len(), empty.len()), (11, 1), "of 8 hours without data one tick is told");
    assert_eq!(empty[0]["gap"][0]["cause"], "recorder not running");
}

#[test]
fn a_span_outside_of_the_recording_is_told_with_what_there_is() {
    let recorded = record();
    let said = ask(&recorded.dir, &["replay", "--from", "2001-01-01", "--to", "2001-01-02"]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("nothing was recorded in 2001-01-01"), "{}", said.err);
    assert!(said.err.contains("the recording spans 20"), "{}", said.err);
    let said = ask(&recorded.dir, &["replay", "--speed", "-1"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
}

/// Runs `replay` on a terminal of util-linux's script(1), types `keys`, and returns what the
/// terminal got; `None` where there is no script(1).
fn on_a_terminal(args: &str, keys: &[&str]) -> Option<(Option<i32>, String)> {
    let recorded = record();
    let binary = query().get_program().to_owned();
    let command = format!(
        "stty rows 40 cols 100; TZ=UTC {} --dir {} replay {args}",
        binary.display(),
        recorded.dir.display()
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut typed = child.stdin.take().unwrap();
    for key in keys {
        typed.write_all(key.as_bytes()).unwrap();
        typed.flush().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    drop(typed);
    Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn on_a_terminal_keys_are_obeyed_and_the_screen_is_given_back() {
    let Some((code, seen)) = on_a_terminal("--speed 0.01", &[" ", "\x1b[C", "m", "?", "q"]) else {
        skip!("there is no script(1)");
        return;
    };
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("\x1b[?1049h"), "the other screen is used: {seen:?}");
    assert!(seen.contains("\x1b[?1049l"), "and given back: {seen:?}");
    assert!(seen.contains("paused"), "space stands still: {seen:?}");
    assert!(seen.contains("sort processes"), "? explains the keys: {seen:?}");
}
