//! What it answers when it is asked.

use super::support::{PROGRAM, output, program, said};
use nodemon_formats::text::is_unprintable;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn check_says_of_every_source_whether_it_can_be_recorded() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("r");
    let check = output(&["check", "--dir", dir.to_str().unwrap(), "--ring-size", "64MiB"]);
    let text = String::from_utf8(check.stdout.clone()).unwrap();
    assert!(check.status.success(), "{text}{}", said(&check));
    for source in ["stat", "process", "cgroup", "infiniband", "recorder"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("  {source} "))), "{text}");
    }
    assert!(text.contains("BTF") && text.contains("64.0 MiB"), "{text}");
    assert!(!dir.exists(), "check leaves nothing behind");

    let check = output(&["check", "--dir", "/proc/nodemon"]);
    assert_eq!(check.status.code(), Some(1), "nowhere to record to");
}

#[test]
fn help_shows_examples_signals_and_exit_codes() {
    let help = output(&["run", "--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    for wanted in ["Examples:", "SIGHUP", "Exit codes:", "another recorder", "--ring-size"] {
        assert!(text.contains(wanted), "no {wanted} in {text}");
    }
    let wrong = output(&["run", "--ringsize", "1GiB"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("--ring-size"), "the nearest flag: {}", said(&wrong));
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for command in ["tables", "config", "check"] {
        let mut child =
            program(&[command]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        // Dropped after one line, with the rest unread.
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{command}: {}", said(&ended));
        assert_eq!(said(&ended), "", "{command}");
    }
}

#[test]
fn names_that_others_chose_do_nothing_to_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("a\x1b[31mb\u{9b}c\u{202e}d\nnewline");
    std::fs::create_dir(&dir).unwrap();
    let dir = dir.to_str().unwrap();
    let absent = format!("{dir}/nodemon.toml");
    for arguments in [
        &["check", "--dir", dir, "--only", "loadavg"][..],
        &["run", "--dir", dir, "--only", "loadavg", "--for", "100ms"],
        &["run", "--config", &absent],
        &["run", "--dir", dir, "--only", "load\x1b[31m"],
    ] {
        let output = output(arguments);
        let all = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let text = all.concat();
        assert!(text.contains("\\u{1b}[31m"), "{arguments:?} does not show the name: {text:?}");
        let acts = text.chars().find(|c| *c != '\n' && is_unprintable(*c));
        assert_eq!(acts, None, "{arguments:?} acts on a terminal: {text:?}");
        let forged = text.lines().any(|line| line.starts_with("newline"));
        assert!(!forged, "{arguments:?} has a line that is not its own: {text}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set_and_an_empty_flag_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut check = program(&["check", "--only", "loadavg"]);
    let unset = check.env("XDG_STATE_HOME", home.path()).output().unwrap();
    let empty = check.env("NODEMON_DIR", "").output().unwrap();
    assert_eq!((empty.status, said(&empty)), (unset.status, said(&unset)));
    let flag = output(&["run", "--dir", "", "--for", "1s"]);
    assert_eq!(flag.status.code(), Some(2));
    assert!(said(&flag).contains("--dir: it is empty; name the directory"), "{}", said(&flag));
}

#[test]
fn what_it_says_fits_a_terminal_of_80_columns() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().display();
    for arguments in [format!("check --dir {dir}"), "tables".to_owned()] {
        let command = format!("stty rows 24 cols 80; exec {PROGRAM} {arguments}");
        let mut script = std::process::Command::new("script");
        script.args(["-qfec", &command, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
        let output = script.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| line.trim_end_matches('\r'));
        assert!(lines.clone().count() > 50, "{arguments}: {text}");
        // No word is broken, however long it is.
        let last = |line: &str| line.rsplit("  ").next().map_or(0, |text| text.split(' ').count());
        let wide = |line: &&str| line.chars().count() > 80 && last(line) > 1;
        let wide: Vec<&str> = lines.filter(wide).collect();
        assert!(wide.is_empty(), "{arguments}: {wide:#?}");
    }
}
