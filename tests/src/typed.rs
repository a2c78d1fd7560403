//! What documents and help texts show, typed as it stands.

use crate::programs;
use std::path::Path;
use std::process::Command;

/// Types `text` into a shell that has the programs under test on its path and `recording` as the
/// default one.
///
/// # Errors
/// How it ended and what it said, where that was not well.
pub fn type_line(text: &str, work: &Path, recording: &Path) -> Result<(), String> {
    let programs = programs().query.parent().expect("a program lies in a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args(["60", "sh", "-euc", text])
        .current_dir(work)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("NODEMON_DIR", recording)
        .env("TZ", "UTC")
        .output()
        .expect("a shell can be started");
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{text}: {}: {said}", output.status))
}
