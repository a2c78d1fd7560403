//! Which of the mounts of `/proc/self/mountinfo` hold data and can be reached.

use crate::kernel_files::text::{Fields, lines, parse_u64, split_once};
use std::ops::Range;

/// One line of mountinfo, proc_pid_mountinfo(5).
pub struct Line<'a> {
    /// The number of the mount, which another may have later.
    pub id: u64,
    parent: u64,
    /// Major and minor number of the device.
    pub device: (u64, u64),
    /// Where it is mounted, with the kernel's escapes, as all text here.
    pub point: &'a [u8],
    /// The type of the file system.
    pub kind: &'a [u8],
    /// What is mounted: a device, for most. It may be empty.
    pub source: &'a [u8],
}

impl<'a> Line<'a> {
    /// Reads a line; `None` if it is none of mountinfo.
    pub fn parse(line: &'a [u8]) -> Option<Line<'a>> {
        let mut fields = Fields::new(line);
        let (id, parent) = (fields.u64()?, fields.u64()?);
        let (major, minor) = split_once(fields.word()?, b':')?;
        let device = (parse_u64(major)?, parse_u64(minor)?);
        fields.skip(1);
        let point = fields.word()?;
        while fields.word()? != b"-" {}
        // One blank between any two from here on: what is mounted may have no name.
        let (kind, rest) = split_once(fields.rest().trim_ascii_start(), b' ')?;
        let (source, _options) = split_once(rest, b' ')?;
        Some(Line { id, parent, device, point, kind, source })
    }

    /// Whether `statfs` reads counters in the kernel's memory (`ext4_statfs`, `shmem_statfs`, ...), and
    /// nobody else has a say in its directories. Not so vfat, which may count what is free on the disk,
    /// and xfs, which waits until it has freed inodes (`xfs_inodegc_flush`, before 5.19).
    fn is_in_memory(&self) -> bool {
        const KINDS: [&[u8]; 10] = [
            b"devtmpfs",
            b"ext2",
            b"ext3",
            b"ext4",
            b"proc",
            b"ramfs",
            b"rootfs",
            b"squashfs",
            b"sysfs",
            b"tmpfs",
        ];
        KINDS.contains(&self.kind)
    }

    /// Whether it holds data worth recording, that is recorded nowhere else: the kernel's own ones
    /// hold none, the data of an overlay are those of the file system beneath, and some of FUSE
    /// show what others hold.
    pub fn has_data(&self) -> bool {
        const WITHOUT: [&[u8]; 31] = [
            b"autofs",
            b"binfmt_misc",
            b"bpf",
            b"cgroup",
            b"cgroup2",
            b"configfs",
            b"debugfs",
            b"devpts",
            b"devtmpfs",
            b"efivarfs",
            b"functionfs",
            b"fuse.gvfsd-fuse",
            b"fuse.lxcfs",
            b"fuse.portal",
            b"fusectl",
            b"hugetlbfs",
            b"mqueue",
            b"nfsd",
            b"nsfs",
            b"overlay",
            b"proc",
            b"pstore",
            b"ramfs",
            b"resctrl",
            b"rootfs",
            b"rpc_pipefs",
            b"securityfs",
            b"selinuxfs",
            b"smackfs",
            b"sysfs",
            b"tracefs",
        ];
        !WITHOUT.contains(&self.kind)
    }
}

/// The mounts of one read of mountinfo. Keeps places in the text, not the text.
#[derive(Default)]
pub struct Mounts {
    mounts: Vec<Mount>,
    /// Devices of the file systems that were given out already.
    seen: Vec<(u64, u64)>,
}

/// What the kernel passes on its way to a mount, the mount included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// File systems of which it has in memory how full they are.
    InMemory,
    /// Others too, which may ask a server, a program or a disk.
    MayWait,
}

struct Mount {
    id: u64,
    parent: u64,
    has_data: bool,
    line: Range<usize>,
}

impl Mounts {
    /// Learns the mounts of `text`.
    pub fn read(&mut self, text: &[u8]) {
        self.mounts.clear();
        let mut end = 0;
        for line in lines(text) {
            let start = end;
            end += line.len() + 1;
            if let Some(mount) = Line::parse(line) {
                let (id, parent, has_data) = (mount.id, mount.parent, mount.has_data());
                self.mounts.push(Mount { id, parent, has_data, line: start..start + line.len() });
            }
        }
    }

    /// Calls `visit` for each file system with data, once, at the first place where it is mounted
    /// and can be reached. `text` is what was read last.
    pub fn visit(&mut self, text: &[u8], mut visit: impl FnMut(&Line<'_>, Way)) {
        self.seen.clear();
        for mount in self.mounts.iter().filter(|mount| mount.has_data) {
            let Some(line) = mount.line(text) else { continue };
            if self.seen.contains(&line.device) {
                continue;
            }
            if let Some(way) = self.way_to(mount, text) {
                self.seen.push(line.device);
                visit(&line, way);
            }
        }
    }

    /// How the path of a mount leads to it; `None` where it leads to another mount over it or over a
    /// part of its path.
    fn way_to(&self, mount: &Mount, text: &[u8]) -> Option<Way> {
        // Deeper than any real tree of mounts; what the kernel gives has no loops.
        const MAX_DEPTH: usize = 64;
        let (mut mount, mut child) = (mount, mount.id);
        let mut way = Way::InMemory;
        for _ in 0..MAX_DEPTH {
            let line = mount.line(text)?;
            if !line.is_in_memory() {
                way = Way::MayWait;
            }
            // A mount on top of its parent hides everything there except for itself.
            let mut others =
                self.mounts.iter().filter(|other| other.id != mount.id && other.id != child);
            if others.any(|other| hides(other, mount, line.point, text)) {
                return None;
            }
            let Some(parent) = self.mounts.iter().find(|other| other.id == mount.parent) else {
                return Some(way);
            };
            (mount, child) = (parent, mount.id);
        }
        None
    }
}

impl Mount {
    fn line<'a>(&self, text: &'a [u8]) -> Option<Line<'a>> {
        Line::parse(text.get(self.line.clone())?)
    }
}

/// Whether `other` lies over `mount`, which is at `point`, or over a part of the path to it.
fn hides(other: &Mount, mount: &Mount, point: &[u8], text: &[u8]) -> bool {
    if other.parent != mount.id && other.parent != mount.parent {
        return false;
    }
    let Some(over) = other.line(text).map(|line| line.point) else { return false };
    if other.parent == mount.id {
        over == point
    } else {
        // The slash keeps `/a` from hiding `/ab`; the root has one already.
        let over = over.strip_suffix(b"/").unwrap_or(over);
        point.strip_prefix(over).is_some_and(|rest| rest.len() > 1 && rest.starts_with(b"/"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Line, Mounts, Way};
    use proptest::prelude::*;

    fn visited(text: &str) -> Vec<String> {
        let mut mounts = Mounts::default();
        mounts.read(text.as_bytes());
        let mut points = Vec::new();
        mounts.visit(text.as_bytes(), |line, _| {
            points.push(String::from_utf8_lossy(line.point).into_owned());
        });
        points
    }

    #[test]
    fn file_systems_that_hold_data_are_given_once_each_those_of_servers_too() {
        let text = "22 27 0:21 / /proc rw - proc proc rw\n\
                    25 27 0:23 / /dev/shm rw shared:4 master:1 - tmpfs tmpfs rw\n\
                    27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                    28 27 254:0 /srv /data rw - ext4 /dev/vda rw\n\
                    29 27 0:40 / /pool rw - btrfs /dev/vdb rw\n\
                    30 27 0:41 / /var/lib/x rw - overlay overlay rw\n\
                    31 27 0:42 / /home rw - nfs4 server:/home rw\n\
                    32 27 8:1 / /win rw - fuseblk /dev/sda1 rw\n\
                    33 27 8:2 / /efi rw - vfat /dev/sda2 rw\n\
                    34 27 0:43 / /new rw - futurefs what rw\n\
                    35 27 0:44 / /run/user/1/doc rw - fuse.portal portal rw\n";
        let expected = ["/dev/shm", "/", "/pool", "/home", "/win", "/efi", "/new"];
        assert_eq!(visited(text), expected);
    }

    #[test]
    fn what_lies_under_another_mount_is_not_asked_in_its_place() {
        let text = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                    30 27 8:1 / /a rw - ext4 /dev/sda1 rw\n\
                    31 30 8:2 / /a rw - ext4 /dev/sda2 rw\n\
                    32 27 8:3 / /b/c rw - ext4 /dev/sda3 rw\n\
                    33 27 8:4 / /b rw - ext4 /dev/sda4 rw\n\
                    34 27 8:5 / /bb rw - ext4 /dev/sda5 rw\n\
                    35 32 8:6 / /b/c/d rw - ext4 /dev/sda6 rw\n";
        assert_eq!(
            visited(text),
            ["/", "/a", "/b", "/bb"],
            "/a is sda2 now, /b/c and below are gone"
        );
        let mut mounts = Mounts::default();
        mounts.read(text.as_bytes());
        mounts.visit(text.as_bytes(), |line, _| assert_ne!(line.source, b"/dev/sda1"));
    }

    #[test]
    fn a_mount_behind_one_of_a_server_is_asked_too_for_it_waits_alone() {
        let text = "27 1 0:30 / / rw - nfs server:/root rw\n\
                    31 27 0:31 / /home rw - nfs server:/home rw\n\
                    32 31 8:2 / /home/local rw - xfs /dev/sda1 rw\n\
                    33 27 0:32 / /efi rw - autofs systemd-1 rw\n\
                    34 33 8:3 / /efi rw - vfat /dev/sda3 rw\n";
        assert_eq!(visited(text), ["/", "/home", "/home/local", "/efi"]);
    }

    #[test]
    fn the_way_to_what_is_behind_a_server_or_a_program_may_wait() {
        let text = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
                    31 27 0:31 / /home rw - nfs server:/home rw\n\
                    32 31 8:2 / /home/local rw - xfs /dev/sda1 rw\n\
                    33 27 0:23 / /run rw - tmpfs tmpfs rw\n\
                    34 33 0:33 / /run/media rw - fuse.sshfs there rw\n\
                    35 27 0:34 / /layers rw - overlay overlay rw\n\
                    36 35 8:3 / /layers/disk rw - ext4 /dev/sdc rw\n\
                    37 27 0:35 / /pool rw - btrfs /dev/sdd rw\n\
                    38 27 8:4 / /efi rw - vfat /dev/sde1 rw\n\
                    39 27 8:5 / /scratch rw - xfs /dev/sdf1 rw\n";
        let mut mounts = Mounts::default();
        mounts.read(text.as_bytes());
        let mut in_memory = Vec::new();
        mounts.visit(text.as_bytes(), |line, way| {
            if way == Way::InMemory {
                in_memory.push(String::from_utf8_lossy(line.point).into_owned());
            }
        });
        assert_eq!(in_memory, ["/", "/run"]);
    }

    #[test]
    fn what_is_mounted_may_be_empty_or_have_blanks_and_hashes() {
        for (line, source, kind) in [
            (&b"9 1 0:5 / /x rw - tmpfs  rw,size=1024k"[..], &b""[..], &b"tmpfs"[..]),
            (b"9 1 0:5 / /x rw shared:1 - tmpfs  rw", b"", b"tmpfs"),
            (b"9 1 0:5 / /x rw - tmpfs my\\040tmp rw", b"my\\040tmp", b"tmpfs"),
            (b"9 1 0:5 / /x rw - fuse.s#3 a\\043b rw", b"a\\043b", b"fuse.s#3"),
            (b"9 1 0:5 / /x rw - tmpfs - rw", b"-", b"tmpfs"),
        ] {
            let shown = String::from_utf8_lossy(line);
            let line = Line::parse(line).expect(&shown);
            assert_eq!((line.source, line.kind), (source, kind), "{shown}");
        }
    }

    #[test]
    fn optional_fields_may_be_many_or_none() {
        let line = Line::parse(b"9 1 0:5 / /x\\040y rw shared:1 master:2 - zfs tank/x rw,xattr");
        let line = line.unwrap();
        assert_eq!(
            (line.point, line.kind, line.source),
            (&b"/x\\040y"[..], &b"zfs"[..], &b"tank/x"[..])
        );
        assert!(line.has_data());
    }

    proptest! {
        #[test]
        fn no_text_and_no_tree_of_mounts_makes_it_panic_or_loop(
            mounts in prop::collection::vec((0u64..6, 0u64..6, 0u64..3, 0usize..5), 0..12),
            noise in "[ -~\n]{0,80}",
        ) {
            let points = ["/", "/a", "/a/b", "/ab", "/a/b/c"];
            let mut text = noise;
            for (id, parent, device, point) in mounts {
                let point = points[point];
                text += &format!("\n{id} {parent} {device}:1 / {point} rw - x y rw");
            }
            let found = visited(&text);
            prop_assert!(found.len() <= 3, "one for each device: {:?}", found);
        }
    }
}
