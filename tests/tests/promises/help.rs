//! Every example in every `--help` can be typed as it stands.

use nodemon_skip::skip;
use nodemon_tests::{copy, ended_recording, programs, span, type_line};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The node of whoever wrote the examples had an incident then: the tests have their recording.
const TIMES: [&str; 3] = ["2026-11-20 03:12", "2026-11-20 03:10", "03:12:07"];

#[test]
fn every_example_of_every_help_works_on_a_fresh_recording() {
    let scratch = tempfile::tempdir().unwrap();
    // Ended, because examples start recorders too, and a directory has one at a time.
    let dir = ended_recording(scratch.path());
    // Recorders of examples go on with it, without much of what it has, and so its end moves. Who asks
    // has it as it was, but for what they marked.
    let as_it_was = scratch.path().join("as-it-was");
    copy(&dir, &as_it_was);
    let (mut typed, mut failed) = (0, Vec::new());
    for (program, command) in commands() {
        // What one example leaves behind the next of the same help may use.
        let work = tempfile::tempdir().unwrap();
        for example in examples(&help(&program, &command)) {
            typed += 1;
            let type_in = |dir: &Path| {
                let text = here_and_now(&example, work.path(), dir);
                type_line(&text, work.path(), dir)
            };
            let is_asking = program == programs().query;
            let done = if is_asking { type_in(&as_it_was) } else { type_in(&dir) };
            if let Err(why) = done.or_else(|why| if is_asking { type_in(&dir) } else { Err(why) }) {
                failed.push(format!("{example}\n    {why}"));
            }
        }
    }
    assert!(failed.is_empty(), "what help shows does not work:\n{}", failed.join("\n"));
    assert!(typed >= 25, "help shows only {typed} examples");
}

#[test]
fn every_command_has_an_example() {
    for (program, command) in commands() {
        let help = help(&program, &command);
        assert!(help.contains("Example"), "{} {command} --help has none", program.display());
    }
}

/// The lines below `Examples:`.
fn examples(help: &str) -> Vec<String> {
    let below = help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
    below.take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

/// Both programs with each of their commands, and with none.
fn commands() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for program in [&programs().recorder, &programs().query] {
        let help = help(program, "");
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = listed.take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !["", "help"].contains(name)).map(str::to_owned);
        all.extend([String::new()].into_iter().chain(names).map(|name| (program.clone(), name)));
    }
    assert!(all.len() >= 12, "the programs have only {} commands", all.len());
    all
}

fn help(program: &Path, command: &str) -> String {
    let arguments = command.split_whitespace().chain(["--help"]);
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{} {command} --help: {}", program.display(), output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The example with the times and places of the test: a date within its recording, its own
/// directory instead of /tmp, and an end where there is none.
fn here_and_now(example: &str, work: &Path, recording: &Path) -> String {
    let (first, _) = span(recording).unwrap();
    // The next whole second: what is before the first row would be no data.
    let first = format!("@{}", first / 1_000_000_000 + 1);
    let mut text = example.replace("/tmp/", &format!("{}/", work.display()));
    for time in TIMES {
        let pattern = if time.contains('-') { "+%F %T" } else { "+%T" };
        let date = Command::new("date").args(["-u", "-d", &first, pattern]).output().unwrap();
        text = text.replace(time, String::from_utf8(date.stdout).unwrap().trim());
    }
    if text.contains("| jq ") && Command::new("jq").arg("--version").output().is_err() {
        skip!("there is no jq for: {text}");
        return "true".to_owned();
    }
    if let Some(sql) = text.strip_prefix("duckdb -c ") {
        return duckdb(sql);
    }
    if text.starts_with("nodemon-recorder run") && !text.contains("--for") {
        // As Ctrl-C would, after which it ends well. Without --foreground it would get two signals.
        return format!("timeout --foreground --preserve-status --signal=INT 2 {text}");
    }
    text
}

/// DuckDB in the python3 that `scripts/readers` finds or makes does what its shell would; where it
/// cannot be had, nothing is typed.
fn duckdb(sql: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/readers");
    let found = Command::new(script).output().unwrap();
    let python = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    let has_it = |python: &str| {
        let mut probe = Command::new(python);
        probe.args(["-c", "import duckdb"]).output().is_ok_and(|output| output.status.success())
    };
    if python.is_empty() || !has_it(&python) {
        skip!("there is no DuckDB for: {sql}");
        return "true".to_owned();
    }
    format!("{python} -c 'import duckdb, sys; print(duckdb.sql(sys.argv[1]))' {sql}")
}
