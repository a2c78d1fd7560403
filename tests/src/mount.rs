//! File systems of a test's own: a loop image that can be filled, broken, made read-only.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system; unmounted when this is dropped.
pub struct Mount {
    point: PathBuf,
}

/// Why this test cannot mount anything, when it cannot.
pub fn why_no_mounts() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may mount".into());
    }
    let dir = tempfile::tempdir().expect("a directory can be made");
    let tried = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(dir.path()).output();
    match tried {
        Ok(output) if output.status.success() => {
            run(Command::new("umount").arg(dir.path()));
            None
        }
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(why) => Some(format!("there is no mount(8): {why}")),
    }
}

impl Mount {
    /// A tmpfs of `size_bytes` at `point`.
    pub fn tmpfs(point: &Path, size_bytes: u64) -> Mount {
        std::fs::create_dir_all(point).expect("the mount point can be made");
        let options = format!("size={size_bytes},mode=0700");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(point));
        Mount { point: point.to_owned() }
    }

    /// The directory `what`, visible at `point` too, but not writable there.
    pub fn read_only_view(what: &Path, point: &Path) -> Mount {
        std::fs::create_dir_all(point).expect("the mount point can be made");
        run(Command::new("mount").arg("--bind").arg(what).arg(point));
        let mount = Mount { point: point.to_owned() };
        run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(point));
        mount
    }

    /// An ext4 file system of `size_bytes` at `point`, in the file `image`, which goes read-only on
    /// the first error.
    pub fn ext4(image: &Path, point: &Path, size_bytes: u64) -> Mount {
        let file = std::fs::File::create(image).expect("the image can be made");
        file.set_len(size_bytes).expect("the image can be given its size");
        std::fs::create_dir_all(point).expect("the mount point can be made");
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(image));
        run(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(image).arg(point));
        Mount { point: point.to_owned() }
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, because a test that failed may have left a process with a file open there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.point).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
