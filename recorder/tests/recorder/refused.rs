//! What the recorder does not do, or cannot, and says so in a sentence.

use crate::support::{PROGRAM, output, said};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const ONCE: [&str; 6] = ["--for", "100ms", "--only", "loadavg", "--ring-size", "16MiB"];

fn record_into(dir: &Path, more: &[&str]) -> Output {
    let first = ["run", "--dir", dir.to_str().unwrap()];
    output(&[&first[..], &ONCE, more].concat())
}

#[test]
fn a_directory_that_others_can_write_is_refused_unless_it_is_trusted() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    std::fs::create_dir(&dir).unwrap();
    set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    let refused = record_into(&dir, &[]);
    assert_eq!(refused.status.code(), Some(1));
    let why = said(&refused);
    for part in ["recording can be written by everybody (mode 0777)", "--trust-directory"] {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "it was written to");
    let check = output(&["check", "--dir", dir.to_str().unwrap()]);
    let report = String::from_utf8_lossy(&check.stdout);
    assert!(report.contains("can be written by everybody"), "{report}");
    let trusted = record_into(&dir, &["--trust-directory"]);
    assert_eq!(trusted.status.code(), Some(0), "{}", said(&trusted));
    let file = home.path().join("nodemon.toml");
    std::fs::write(&file, "trust_directory = true\n").unwrap();
    let trusted = record_into(&dir, &["--config", file.to_str().unwrap()]);
    assert_eq!(trusted.status.code(), Some(0), "{}", said(&trusted));
}

/// Runs the recorder with `arguments` under a limit of the shell.
fn under(limit: &str, arguments: &[&str]) -> Output {
    let script = format!("ulimit -c 0; ulimit {limit}; exec timeout -s KILL 60 \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", PROGRAM]).args(arguments);
    command.env_remove("NODEMON_DIR").output().unwrap()
}

#[test]
fn few_descriptors_and_little_memory_are_sentences_with_an_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("recording");
    let run = ["run", "--dir", dir.to_str().unwrap(), "--for", "1s", "--ring-size", "16MiB"];
    let few = under("-n 8", &run);
    assert_eq!(few.status.code(), Some(1), "{}", said(&few));
    assert!(said(&few).contains("only 8 files may be open at once"), "{}", said(&few));
    for limit in ["-n 16", "-n 40", "-v 32768", "-v 65536", "-v 131072", "-v 200000"] {
        for arguments in [&run[..], &[&run[..], &["--only", "loadavg"]].concat(), &["check"]] {
            let ended = under(limit, arguments);
            let (code, told) = (ended.status.code(), said(&ended));
            assert!(matches!(code, Some(0 | 1)), "{limit} {arguments:?}: {}: {told}", ended.status);
            assert!(!told.contains("panicked"), "{limit} {arguments:?}: {told}");
            assert!(code == Some(0) || !told.is_empty(), "{limit} {arguments:?}: not a word");
        }
    }
}
