//! In a namespace of its own, as in a container.

use super::support::{PROGRAM, said, string_cells};
use nodemon_skip::skip;
use std::process::{Command, Output, Stdio};

/// The program in new namespaces; `None`, said on stderr, where this machine makes none.
fn unshared(namespaces: &[&str], arguments: &[&str]) -> Option<Output> {
    let unshare = |what: &[&str]| {
        Command::new("unshare").args(namespaces).args(what).stdin(Stdio::null()).output()
    };
    if !unshare(&["true"]).is_ok_and(|tried| tried.status.success()) {
        skip!("unshare {namespaces:?} does not work here");
        return None;
    }
    Some(unshare(&[&[PROGRAM], arguments].concat()).unwrap())
}

#[test]
fn where_the_clock_is_not_the_kernels_it_refuses_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("r");
    let dir = dir.to_str().unwrap();
    let clock = ["-T", "--boottime", "1000000", "--monotonic", "1000000", "-f"];
    for command in [&["run", "--dir", dir, "--for", "1s"][..], &["check", "--dir", dir]] {
        let Some(refused) = unshared(&clock, command) else { return };
        let told = String::from_utf8_lossy(&refused.stdout).into_owned() + &said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {told}");
        assert!(told.contains("time namespace") && told.contains("1000000s"), "{told}");
    }
}

#[test]
fn in_a_pid_namespace_of_its_own_it_lists_processes_and_none_of_its_threads() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("r");
    let arguments = ["run", "-q", "--only", "process", "--dir", dir.to_str().unwrap()];
    let arguments = [&arguments[..], &["--source", "process=200ms", "--for", "6s"]].concat();
    let Some(ended) = unshared(&["-pf", "--mount-proc"], &arguments) else { return };
    assert!(ended.status.success(), "{}", said(&ended));
    let mut commands = string_cells(&dir, "process", "command");
    commands.sort();
    commands.dedup();
    assert_eq!(commands, ["nodemon-recorde"], "there is no other process in that namespace");
}
