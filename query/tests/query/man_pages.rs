//! Help, completions and manual pages.

use super::support::*;
use std::collections::BTreeSet;

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = said(query().arg("--help"));
    assert_eq!(help.code, Some(0), "{}", help.err);
    let below = help.out.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = below.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> =
        names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect();
    assert!(names.iter().any(|name| name == "range"), "{}", help.out);
    names
}

/// The long options that the help of a command has.
fn options(command: &str) -> BTreeSet<String> {
    let help = said(query().args([command, "--help"]));
    assert_eq!(help.code, Some(0), "{command} --help: {}", help.err);
    let words = help.out.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = words.flat_map(|line| line.split([' ', ',', '=']).map(str::to_owned));
    let options: BTreeSet<_> = words.filter(|word| word.starts_with("--")).collect();
    assert!(options.contains("--dir"), "{}", help.out);
    options
}

#[test]
fn every_command_explains_its_exit_codes_and_those_that_take_times_how_they_are_written() {
    for command in commands() {
        let help = said(query().args([&command, "--help"]));
        assert!(help.out.contains("Exit codes:"), "{command} --help has no exit codes");
        if options(&command).contains("--from") {
            assert!(help.out.contains("Times:"), "{command} --help has no times");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_command_with_every_option_of_its_help() {
    let dir = tempfile::tempdir().unwrap();
    let written = said(query().arg("man").arg(dir.path()));
    assert_eq!(written.code, Some(0), "{}", written.err);
    let files = dir.path().read_dir().unwrap();
    let files: BTreeSet<_> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let pages = commands().into_iter().map(|command| format!("nodemon-query-{command}.1"));
    let expected: BTreeSet<_> = pages.chain(["nodemon-query.1".to_owned()]).collect();
    assert_eq!(files, expected);
    for command in commands() {
        let path = dir.path().join(format!("nodemon-query-{command}.1"));
        let text = std::fs::read_to_string(path).unwrap().replace("\\-", "-");
        for option in options(&command) {
            assert!(text.contains(&option), "the page of {command} has no {option}");
        }
        for section in [".SH OPTIONS", ".SH EXIT CODES", ".SH ENVIRONMENT"] {
            assert!(text.contains(section), "the page of {command} has no {section}");
        }
    }
}

#[test]
fn a_shell_completes_commands_and_options() {
    // What bash calls when somebody presses the tabulator: the words so far, and which is typed.
    let complete = |words: &[&str]| {
        let script = said(query().args(["completions", "bash"])).out;
        let function = script.split("()").next().unwrap();
        let typed = format!(
            "{script}\nCOMP_WORDS=({}); COMP_CWORD={}; {function} nodemon-query '{}' '{}' && \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let done = std::process::Command::new("bash").args(["-c", &typed]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let registered = said(query().args(["completions", "bash"])).out;
    assert!(registered.contains("-o default nodemon-query\n"), "{registered}");
    assert_eq!(complete(&["nodemon-query", "ran"]), "range\n");
    assert_eq!(complete(&["nodemon-query", "range", "--fr"]), "--from\n");
    for shell in ["zsh", "fish"] {
        let script = said(query().args(["completions", shell])).out;
        let missing = commands().into_iter().find(|command| !script.contains(command.as_str()));
        assert_eq!(missing, None, "{shell} does not know this command");
    }
}

#[test]
fn the_manual_is_not_written_into_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let page = said(query().env("NODEMON_DIR", dir.path()).arg("man"));
    assert!(page.out.contains(".TH nodemon"), "{}", page.err);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "pages are in NODEMON_DIR");
}
