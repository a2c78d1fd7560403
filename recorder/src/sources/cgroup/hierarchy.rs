//! Where control groups are mounted, and what each hierarchy controls.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::path::{Path, PathBuf};

/// What a hierarchy tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything: version 2.
    Unified,
    /// The controller `cpu` of version 1: throttling.
    Cpu,
    /// The controller `cpuacct` of version 1: CPU time.
    Cpuacct,
    /// The controller `memory` of version 1.
    Memory,
    /// The controller `blkio` of version 1.
    Blkio,
    /// The controller `pids` of version 1.
    Pids,
}

/// One mounted hierarchy.
#[derive(Debug)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub root: PathBuf,
    /// The same, open.
    pub directory: OwnedFd,
    /// What it tells of.
    pub parts: Vec<Part>,
}

impl Hierarchy {
    /// The number of the group at `path`, by which programs in the kernel know it; none in version 1.
    pub fn id_of(&self, path: &[u8]) -> Option<u64> {
        if !self.parts.contains(&Part::Unified) {
            return None;
        }
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let relative = if relative.is_empty() { b"." } else { relative };
        let stat = rustix::fs::statat(&self.directory, relative, AtFlags::empty()).ok()?;
        Some(stat.st_ino)
    }
}

/// Controllers of version 1, by the name of their directory.
const CONTROLLERS: [(&str, Part); 5] = [
    ("cpu", Part::Cpu),
    ("cpuacct", Part::Cpuacct),
    ("memory", Part::Memory),
    ("blkio", Part::Blkio),
    ("pids", Part::Pids),
];

/// The hierarchies below `sys/fs/cgroup`: version 2 there or in `unified`, version 1 in directories
/// called like their controllers. Two names of one hierarchy (`cpu` and `cpuacct` are links to
/// `cpu,cpuacct` on many hosts) make one of two parts.
pub fn find(sys: &Path) -> Vec<Hierarchy> {
    let base = sys.join("fs/cgroup");
    let mut found: Vec<Hierarchy> = Vec::new();
    for root in [base.clone(), base.join("unified")] {
        if root.join("cgroup.controllers").exists() {
            add(&mut found, &root, Part::Unified);
            break;
        }
    }
    for (name, part) in CONTROLLERS {
        let root = base.join(name);
        if root.join("cgroup.procs").exists() && !root.join("cgroup.controllers").exists() {
            add(&mut found, &root, part);
        }
    }
    found
}

fn add(found: &mut Vec<Hierarchy>, root: &Path, part: Part) {
    let Ok(root) = root.canonicalize() else { return };
    if let Some(known) = found.iter_mut().find(|hierarchy| hierarchy.root == root) {
        known.parts.push(part);
        return;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(directory) = rustix::fs::open(&root, flags, Mode::empty()) {
        found.push(Hierarchy { root, directory, parts: vec![part] });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Part, find};
    use std::os::unix::fs::symlink;

    #[test]
    fn version_2_version_1_and_both_are_found_where_systemd_mounts_them() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("fs/cgroup");
        let make = |path: &str| {
            std::fs::create_dir_all(base.join(path).parent().unwrap()).unwrap();
            std::fs::write(base.join(path), "").unwrap();
        };
        let parts = || find(dir.path()).into_iter().map(|found| found.parts).collect::<Vec<_>>();
        assert_eq!(parts(), Vec::<Vec<Part>>::new());
        for file in ["cpu,cpuacct/cgroup.procs", "memory/cgroup.procs", "systemd/cgroup.procs"] {
            make(file);
        }
        symlink("cpu,cpuacct", base.join("cpu")).unwrap();
        symlink("cpu,cpuacct", base.join("cpuacct")).unwrap();
        let version_1 = vec![vec![Part::Cpu, Part::Cpuacct], vec![Part::Memory]];
        assert_eq!(parts(), version_1);
        make("unified/cgroup.controllers");
        assert_eq!(parts(), [vec![vec![Part::Unified]], version_1].concat());
        std::fs::remove_dir_all(&base).unwrap();
        make("cgroup.controllers");
        // A group of version 2 may be called like a controller.
        make("memory/cgroup.procs");
        make("memory/cgroup.controllers");
        assert_eq!(parts(), vec![vec![Part::Unified]]);
    }
}
