//! How long functions took: of any program, every call of every thread, by name alone.

use nodemon_skip::skip;
use nodemon_tests::{Recorder, Setup, ask, ask_ok, compile_c, programs};
use rustix::process::geteuid;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const THREADS: u64 = 4;
const TURNS: u64 = 200;
const DEEP: u64 = 30;
/// More than the kernel waits for in one thread, and those that it does.
const TOO_DEEP: u64 = 100;
const MOST_DEEP: u64 = 64;

/// A program that does each in one of its roles. It says how long each call of `sleep_here` took.
const PROGRAM: &str = include_str!("calls.c");

/// The program, as most are built.
fn program(scratch: &Path) -> Option<PathBuf> {
    let program = scratch.join("calls");
    let numbers = [("THREADS", THREADS), ("TURNS", TURNS), ("DEEP", DEEP), ("TOO_DEEP", TOO_DEEP)];
    let defined = numbers.map(|(name, value)| format!("-D{name}={value}"));
    let options = ["-O2", "-pthread", "-fcf-protection=full"];
    let options: Vec<&str> =
        options.into_iter().chain(defined.iter().map(String::as_str)).collect();
    compile_c(PROGRAM, &program, &options)?;
    Some(program)
}

/// A recorder of functions of a program, once it records; `None` says that it cannot here.
fn recorder(dir: &Path, program: &Path, functions: &[&str]) -> Option<Recorder> {
    if !geteuid().is_root() {
        skip!("programs in the kernel take root");
        return None;
    }
    let specs: Vec<String> =
        functions.iter().map(|name| format!("{}:{name}", program.display())).collect();
    let source = format!("function_latency=functions={}", specs.join(","));
    let setup = Setup::new(dir).with(&["--only", "function_latency,loadavg", "--source", &source]);
    let mut recorder = Recorder::start_recording(&setup);
    let mut is_off = false;
    recorder.wait_until("the source runs, or cannot", Duration::from_secs(40), |dir| {
        is_off = ask_ok(dir, &["tables"]).lines().all(|line| !line.starts_with("function_latency"));
        !is_off || nodemon_tests::rows_in(dir, "load") > 10
    });
    if is_off {
        skip!("function_latency: {}", recorder.log());
        return None;
    }
    Some(recorder)
}

/// Waits until what has happened by now was sampled: there is a row of the load each second, too.
fn wait_until_recorded(recorder: &mut Recorder) {
    let mut enough = None;
    recorder.wait_until("what happened is recorded", Duration::from_secs(40), |dir| {
        let rows = nodemon_tests::rows_in(dir, "load");
        rows >= *enough.get_or_insert(rows + 3)
    });
}

/// Runs the program in a role; its number, and what it says.
fn run(program: &Path, role: &str) -> (u32, String) {
    let mut command = Command::new(program);
    command.arg(role).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{role}: {output:?}");
    (pid, String::from_utf8(output.stdout).unwrap())
}

/// What a question has as an answer over the whole recording, gaps among it.
fn answer(dir: &Path, question: &[&str]) -> Vec<Value> {
    let all = ["range", "-t", "function_latency", "--from", "start", "-f", "jsonl"];
    let said = ask(dir, &[&all[..], question].concat());
    // No row passes.
    assert!(matches!(said.code, Some(0 | 3)), "{}", said.err);
    said.out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
}

/// How many calls of a function of a process were seen to return.
fn calls(dir: &Path, program: &Path, pid: u32, name: &str) -> u64 {
    let of = [format!("pid={pid}"), format!("function={}:{name}", program.display())];
    let asked = ["--step", "1d", "--agg", "count", "-w", &of[0], "-w", &of[1]];
    let rows = answer(dir, &asked);
    rows.iter().filter_map(|row| row["latency_ns_count"].as_u64()).sum()
}

/// What a gap of the table says was lost.
fn lost(dir: &Path) -> u64 {
    let told = answer(dir, &[]);
    let gaps = told.iter().map(|row| &row["gap"]).filter(|gap| gap["cause"] == "ring overrun");
    gaps.filter_map(|gap| gap["lost"].as_u64()).sum()
}

#[test]
fn how_long_a_slow_function_takes_is_in_the_bucket_of_what_it_slept() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, &program, &["sleep_here"]) else { return };
    let (pid, said) = run(&program, "sleep");
    wait_until_recorded(&mut recorder);
    assert!(recorder.terminate().0.success());

    let mut took: Vec<u64> = said.lines().map(|line| line.parse().unwrap()).collect();
    took.sort_unstable();
    let of_it = format!("pid={pid}");
    let asked = ["--step", "1d", "--agg", "count,p50,p99,max", "-w", &of_it];
    let rows: Vec<Value> =
        answer(&dir, &asked).into_iter().filter(|row| row["latency_ns_count"] == 100).collect();
    let [row] = &rows[..] else { panic!("{rows:#?}") };
    for (name, at) in [("p50", 49), ("p99", 98), ("max", 99)] {
        let told = row[format!("latency_ns_{name}")].as_f64().unwrap();
        // A bucket is an eighth wide, and the program takes its time around the call.
        let (least, most) = (took[at] as f64 * 0.87, took[at] as f64 * 1.13);
        assert!(told > least && told < most, "{name}: {told} of {}", took[at]);
    }
}

#[test]
fn a_program_that_is_replaced_while_it_is_watched_is_a_gap_that_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, &program, &["sleep_here"]) else { return };
    let (before, _) = run(&program, "sleep");
    wait_until_recorded(&mut recorder);
    let other = program.with_extension("new");
    let copied = Command::new("cp").arg(&program).arg(&other).status();
    assert!(copied.unwrap().success());
    std::fs::rename(&other, &program).unwrap();
    recorder.wait_until_it_says("was recreated", Duration::from_secs(40));
    // Where the kernel asks for no more than the recorder keeps, it is watched anew.
    let mut pids = Vec::new();
    recorder.wait_until("it is watched anew, or cannot be", Duration::from_secs(60), |dir| {
        pids.push(run(&program, "sleep").0);
        let said = answer(dir, &[]).into_iter().any(|row| {
            row["gap"]["detail"].as_str().is_some_and(|detail| detail.contains("start it anew"))
        });
        said || pids.iter().any(|pid| calls(dir, &program, *pid, "sleep_here") > 0)
    });
    let (status, _, log) = recorder.terminate();
    assert!(status.success(), "{log}");
    assert_eq!(calls(&dir, &program, before, "sleep_here"), 100, "what was before is there");
    assert!(answer(&dir, &[]).iter().any(|row| !row["gap"].is_null()), "no gap: {log}");
}

#[test]
fn every_call_of_every_thread_is_counted_once_however_deep_and_however_it_ends() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let dir = scratch.path().join("recording");
    let watched = ["descend", "leave", "even", "odd", "end_thread"];
    let Some(mut recorder) = recorder(&dir, &program, &watched) else { return };
    let (pid, _) = run(&program, "calls");
    let (other, _) = run(&program, "calls");
    wait_until_recorded(&mut recorder);
    assert!(recorder.terminate().0.success());
    let turns = THREADS * TURNS;
    for pid in [pid, other] {
        for (name, count) in [
            ("descend", turns * DEEP),
            ("leave", turns),
            ("even", turns * 11),
            ("odd", turns * 10),
            ("end_thread", 0),
        ] {
            assert_eq!(calls(&dir, &program, pid, name), count, "{name}");
        }
    }
    assert_eq!(lost(&dir), 0, "{:#?}", answer(&dir, &[]));
}

#[test]
fn calls_deeper_than_the_kernel_waits_for_are_a_gap_with_their_number() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let dir = scratch.path().join("recording");
    let Some(mut recorder) = recorder(&dir, &program, &["descend"]) else { return };
    let (pid, _) = run(&program, "deep");
    wait_until_recorded(&mut recorder);
    assert!(recorder.terminate().0.success());
    assert_eq!(calls(&dir, &program, pid, "descend"), 10 * MOST_DEEP);
    assert_eq!(lost(&dir), 10 * (TOO_DEEP - MOST_DEEP), "{:#?}", answer(&dir, &[]));
}

#[test]
fn check_says_of_each_function_whether_it_was_found_and_where_it_is_watched() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let at = program.display();
    let flag = format!("function_latency=functions={at}:sleep_here,{at}:sleep_heer,kernel:do_exit");
    let mut check = Command::new(programs().recorder.as_path());
    let check = check.args(["check", "--source", &flag, "--dir"]).arg(scratch.path().join("r"));
    let told = String::from_utf8(check.output().unwrap().stdout).unwrap();
    if !geteuid().is_root() {
        return skip!("programs in the kernel take root");
    }
    for part in [
        &format!("{at}:sleep_here is watched at 0x"),
        "there is no function `sleep_heer`",
        "did you mean `sleep_here`?",
        "of the kernel no function can be watched",
    ] {
        let is_told = told.contains(part);
        assert!(is_told || told.contains("uprobes that know their function"), "{part}: {told}");
    }
}

#[test]
#[ignore = "takes time, and tells people something, not the test"]
fn what_a_call_costs_that_is_watched() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(program) = program(scratch.path()) else { return };
    let dir = scratch.path().join("recording");
    let time = || {
        let begun = std::time::Instant::now();
        run(&program, "many");
        begun.elapsed()
    };
    let without = (0..5).map(|_| time()).min().unwrap();
    let Some(recorder) = recorder(&dir, &program, &["even"]) else { return };
    let with = (0..5).map(|_| time()).min().unwrap();
    assert!(recorder.terminate().0.success());
    let added_ns = (with.saturating_sub(without)).as_nanos() / 200_000;
    println!("a call that is watched takes {added_ns} ns more: {without:?}, {with:?}");
}
