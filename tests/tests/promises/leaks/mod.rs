//! Who leaks memory: found by the calls that it was allocated by, by asking alone.

use nodemon_skip::skip;
use nodemon_tests::{Killed, Recorder, Setup, ask, ask_ok, assert_weights, compile_c, programs};
use rustix::process::geteuid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = include_str!("leaks.c");
const MILLISECONDS: u32 = 20_000;

fn program(scratch: &Path) -> Option<PathBuf> {
    let (program, length) = (scratch.join("leaks"), format!("-DMILLISECONDS={MILLISECONDS}"));
    compile_c(PROGRAM, &program, &["-O2", "-fomit-frame-pointer", &length])?;
    Some(program)
}

/// Records what the program in a role allocates, and hands out the bytes that it says it leaked.
fn recorded(scratch: &Path, dir: &Path, role: &str) -> Option<f64> {
    if !geteuid().is_root() {
        skip!("programs in the kernel take root");
        return None;
    }
    let mut command = Command::new(program(scratch)?);
    command.arg(role).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let source = format!("stack_alloc=pid={},min_age=2s", child.0.id());
    let mut check = Command::new(programs().recorder.as_path());
    let told = check.args(["check", "--source", &source, "--dir"]).arg(dir).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let line = told.lines().find(|line| line.trim_start().starts_with("stack_alloc ")).unwrap();
    if !line.contains(" yes ") {
        skip!("stack_alloc: {told}");
        return None;
    }
    assert!(told.contains("libc.so.6:malloc is watched at"), "{told}");
    let setup = Setup::new(dir).with(&["--only", "stack_alloc,loadavg", "--source", &source]);
    let mut recorder = Recorder::start_recording(&setup);
    recorder.wait_until_it_says("recording 2 sources", Duration::from_secs(40));
    child.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut said = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    // Until the last is old enough, and was committed: there is a row of the load each second.
    let enough = nodemon_tests::rows_in(dir, "load") + 5;
    recorder.wait_until("what was leaked last is old", Duration::from_secs(40), |dir| {
        nodemon_tests::rows_in(dir, "load") >= enough
    });
    assert!(recorder.terminate().0.success());
    Some(said.trim_end().parse().unwrap())
}

fn rows(dir: &Path) -> Vec<Value> {
    let said = ask(dir, &["range", "-t", "stack_alloc", "--from", "start", "-f", "jsonl"]);
    let is_without = said.err.contains("the recording has no table \"stack_alloc\"");
    assert!(said.code == Some(0) || is_without, "{}", said.err);
    said.out.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
}

#[test]
fn a_leak_is_found_by_the_function_that_allocates_and_weights_stand_for_what_was_leaked() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    let Some(leaked) = recorded(scratch.path(), &dir, "leak") else { return };
    let asked = ["stacks", "-t", "stack_alloc", "--from", "start"];
    let top = ask_ok(&dir, &asked);
    let first = top.lines().find(|line| line.contains('%')).expect("it has a function");
    assert!(first.contains("leak_here") && top.contains("not freed"), "{top}");
    let folded = ask_ok(&dir, &[&asked[..], &["-f", "folded"]].concat());
    assert!(folded.contains("main;called_to_leak;leak_here "), "{folded}");

    let found = rows(&dir);
    assert!(found.iter().all(|row| row["gap"].is_null()), "nothing was lost: {found:#?}");
    for row in &found {
        assert!((1000..1097).contains(&row["size_bytes"].as_u64().unwrap()), "{row}");
        let age_ns = row["age_ns"].as_u64().unwrap();
        assert!((2_000_000_000..20_000_000_000).contains(&age_ns), "{row}");
    }
    assert!(found.len() >= 8, "{} rows", found.len());
    assert_weights(&found, "weight_bytes", leaked);
}

#[test]
fn a_program_that_frees_what_it_allocates_has_no_rows() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("recording");
    if recorded(scratch.path(), &dir, "free").is_none() {
        return;
    }
    let found = rows(&dir);
    assert!(found.is_empty(), "{found:#?}");
}
