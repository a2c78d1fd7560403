//! A load that fills a ring fast: a recorder that sees hundreds of file systems with long names.
//!
//! Names are the only thing that a kernel hands out in bulk and that no codec can make small. They
//! are mounted in a mount namespace of the recorder's own, so that nobody else sees them, and they
//! are gone when it ends.

use crate::Setup;
use fastrand::Rng;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a name between two slashes.
const NAME_BYTES: usize = 230;

/// Names in the path of a mount: as many as fit into the 4,096 bytes of a path.
const NAMES: usize = 16;

/// Mounts in a namespace of the recorder's own.
pub struct ManyMounts {
    script: PathBuf,
    /// A mount point for the one file system in which the others are.
    base: PathBuf,
}

/// Why this user cannot have a mount namespace, when that is so.
pub fn why_no_namespace() -> Option<String> {
    let tried = namespace().args(["mount", "-t", "tmpfs", "none", "/tmp"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(why) => Some(format!("there is no unshare(1): {why}")),
    }
}

fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(arguments());
    command
}

fn arguments() -> Vec<&'static str> {
    let mut arguments = vec!["--mount", "--propagation", "private"];
    if !rustix::process::geteuid().is_root() {
        arguments.push("--map-root-user");
    }
    arguments
}

impl ManyMounts {
    /// `count` of them, below `scratch`.
    pub fn new(scratch: &Path, count: usize, random: &mut Rng) -> ManyMounts {
        let mounts = ManyMounts { script: scratch.join("mounts"), base: scratch.join("m") };
        std::fs::create_dir(&mounts.base).expect("the mount point can be made");
        let mut text = String::from("set -e\nmount -t tmpfs none .\ncd \"$PWD\"\n");
        for _ in 0..count {
            let room = NAMES * (NAME_BYTES + 1) - mounts.base.as_os_str().len();
            let mut path = String::new();
            while path.len() + NAME_BYTES < room {
                let name: String = (0..NAME_BYTES).map(|_| random.alphanumeric()).collect();
                let _ = write!(path, "{}{name}", if path.is_empty() { "" } else { "/" });
            }
            let _ = writeln!(text, "mkdir -p {path}\nmount -n -t tmpfs none {path}");
        }
        text.push_str("exec \"$@\"\n");
        std::fs::write(&mounts.script, text).expect("the script can be written");
        mounts
    }

    /// Has a recorder see them.
    #[must_use]
    pub fn seen_by(&self, setup: Setup) -> Setup {
        let text = |path: &Path| path.to_str().expect("a path is UTF-8").to_owned();
        let mut within = vec!["unshare".to_owned()];
        within.extend(arguments().into_iter().map(str::to_owned));
        let run = "cd \"$1\"; shift; . \"$0\"";
        within.extend(["sh", "-c", run].map(str::to_owned));
        within.extend([text(&self.script), text(&self.base)]);
        setup.within(within)
    }
}
