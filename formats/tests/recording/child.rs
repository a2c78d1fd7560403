//! Runs one test of this binary again in a process of its own: to kill it, to limit its memory, to
//! give it file systems of its own. Such a test does nothing where it is not run as a child.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where a child finds the directory that it works in.
const DIR: &str = "NODEMON_TEST_DIR";

/// The directory of this child; `None` in the process that runs all tests.
pub fn dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// Makes a command an ordinary user's.
pub const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

/// Whether this process may become another user, and that user may run this binary.
pub fn may_become_nobody() -> bool {
    let script = format!("exec 9<\"$0\"; exec {AS_NOBODY} timeout 120 /proc/self/fd/9 --list");
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).output();
    output.is_ok_and(|output| output.status.success())
}

/// The command that runs the test `name` on `dir`. The shell does what `before` says first, and
/// runs the test by way of the command `through`: by its descriptor, since the path of this binary
/// may lead through a directory that an ordinary user must not enter.
pub fn command(name: &str, dir: &Path, before: &str, through: &str) -> Command {
    let script = format!(
        "{before} exec 9<\"$0\"; \
         exec {through} timeout 120 /proc/self/fd/9 --exact \"$1\" --nocapture"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).arg(name);
    command.env(DIR, dir).env("RUST_BACKTRACE", "0");
    command
}

/// Fails with what the child said when it did not end well.
pub fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "the child ran no test: {said}");
}
