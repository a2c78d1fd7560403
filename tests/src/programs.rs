//! The programs under test, built once from the sources as they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the programs are.
pub struct Programs {
    /// `nodemon-recorder`.
    pub recorder: PathBuf,
    /// `nodemon-query`.
    pub query: PathBuf,
}

/// The programs, built by the first who asks, in the profile and the target directory of the test
/// itself. A program that merely lies there could be older than the sources.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // target/PROFILE/deps/promises-HASH
        let test = std::env::current_exe().expect("the test knows its own path");
        let profile_dir = test.ancestors().nth(2).expect("a test lies in PROFILE/deps");
        let target_dir = profile_dir.parent().expect("PROFILE lies in the target directory");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .args(["build", "--locked", "--quiet", "--bins"])
            .args(["-p", "nodemon-recorder", "-p", "nodemon-query", "--target-dir"])
            .arg(target_dir);
        if profile_dir.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo can be run");
        assert!(status.success(), "the programs under test do not build: {status}");
        let at = |name| {
            let path = profile_dir.join(name);
            assert!(path.exists(), "cargo built no {}", path.display());
            path
        };
        Programs { recorder: at("nodemon-recorder"), query: at("nodemon-query") }
    })
}
