//! Help, completions and manual pages.

use super::support::*;
use std::path::Path;

#[test]
fn every_command_explains_itself_with_exit_codes_and_most_with_examples() {
    let nowhere = Path::new("/nonexistent");
    for command in ["range", "replay", "export"] {
        let help = ask(nowhere, &[command, "--help"]);
        assert_eq!(help.code, Some(0), "{}", help.err);
        for word in ["Examples:", "Times:", "Exit codes:", "nodemon-query ", "NODEMON_DIR"] {
            assert!(help.out.contains(word), "{command} --help has no {word:?}");
        }
    }
    let help = ask(nowhere, &["--help"]);
    for command in ["info", "tables", "range", "replay", "export", "verify", "completions", "man"] {
        assert!(help.out.contains(command), "--help does not list {command}");
    }
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = said(query().args(["completions", shell]));
        assert!(script.out.contains("from"), "{shell} does not complete --from");
    }
    let page = said(query().arg("man"));
    assert!(page.out.contains(".TH nodemon"), "{}", page.out);
    let dir = tempfile::tempdir().unwrap();
    let written = said(query().arg("man").arg(dir.path()));
    assert_eq!(written.code, Some(0), "{}", written.err);
    for name in ["nodemon-query.1", "nodemon-query-range.1", "nodemon-query-verify.1"] {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        for section in [".SH OPTIONS", ".SH EXIT CODES", ".SH ENVIRONMENT", "\\-\\-dir"] {
            assert!(text.contains(section), "{name} has no {section}");
        }
    }
}

#[test]
fn the_manual_is_not_written_into_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let page = said(query().env("NODEMON_DIR", dir.path()).arg("man"));
    assert!(page.out.contains(".TH nodemon"), "{}", page.err);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "pages are in NODEMON_DIR");
}
