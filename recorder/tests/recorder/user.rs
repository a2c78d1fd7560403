//! An ordinary user.

use super::support::{PROGRAM, Running, times};
use rustix::fs::{Mode, chmod, chown};
use rustix::process::{Gid, Signal, Uid, geteuid};
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// The program as an ordinary user whose home is `home`.
fn as_ordinary_user(home: &Path, arguments: &[&str]) -> Command {
    let mut command = if geteuid().is_root() {
        let nobody = NOBODY.to_string();
        // A copy in a place that others may reach. Another process makes it: what this one writes is
        // still open in whatever other tests are just starting, and cannot be run so long.
        let program = home.join("nodemon-recorder");
        if !program.exists() {
            let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap();
            assert!(copied.success(), "{} cannot be copied", program.display());
        }
        chown(home, Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY))).unwrap();
        chmod(home, Mode::RWXU).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(PROGRAM)
    };
    command
        .args(arguments)
        .env_remove("NODEMON_DIR")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", home);
    command
}

#[test]
fn an_ordinary_user_records_at_home_what_he_may_and_hears_what_root_would_add() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log");
    let mut run = as_ordinary_user(home.path(), &["run", "--ring-size", "64MiB"]);
    let mut run = Running::from_command(run.stderr(File::create(&log).unwrap()));
    let said = || std::fs::read_to_string(&log).unwrap();
    run.wait_until("every source is open", || said().contains("recording "));
    let (status, _, _) = run.end(Signal::TERM);
    let told = said();
    assert!(status.success(), "{told}");
    let dir = home.path().join(".local/state/nodemon");
    assert!(told.contains(dir.to_str().unwrap()), "{told}");
    for table in ["cpu", "memory", "process"] {
        assert!(!times(&dir, table).is_empty(), "nothing of {table}: {told}");
    }
    assert!(told.contains("source process is limited without root: "), "{told}");

    let check = as_ordinary_user(home.path(), &["check", "--ring-size", "64MiB"]).output().unwrap();
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{text}");
    let process = text.lines().skip_while(|line| !line.starts_with("  process ")).take(4);
    let process: Vec<&str> = process.collect();
    assert!(process.first().is_some_and(|line| line.contains("partly")), "{text}");
    assert!(process.iter().any(|line| line.contains("root")), "{process:?}");
}
