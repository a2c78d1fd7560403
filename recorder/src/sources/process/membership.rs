//! `/proc/PID/cgroup`: which control group a process is in.

use crate::kernel_files::text::{lines, split_once};

/// Hierarchies of version 1 by rank: a process that several of them put into a group is shown in
/// the group of the first.
const RANKED: [&[u8]; 6] = [b"cpu", b"memory", b"cpuacct", b"pids", b"blkio", b"name=systemd"];

/// The path of the process's group: the one of version 2, and where that is the root (or is not
/// mounted), the first of version 1 that is not. So it is the `path` of the table `cgroup` on hosts
/// of either version and on those that have both.
pub fn parse(text: &[u8]) -> &[u8] {
    let mut best: (usize, &[u8]) = (usize::MAX, b"/");
    for line in lines(text) {
        let Some((_, line)) = split_once(line, b':') else { continue };
        let Some((controllers, path)) = split_once(line, b':') else { continue };
        if path == b"/" {
            continue;
        }
        let rank = if controllers.is_empty() { 0 } else { rank_of(controllers) };
        if rank < best.0 {
            best = (rank, path);
        }
    }
    best.1
}

fn rank_of(controllers: &[u8]) -> usize {
    let ranks = controllers.split(|&byte| byte == b',').map(|controller| {
        RANKED.iter().position(|ranked| *ranked == controller).map_or(RANKED.len(), |rank| rank) + 1
    });
    ranks.min().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_group_is_that_of_version_2_unless_only_version_1_has_one() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"0::/system.slice/sshd.service\n", b"/system.slice/sshd.service"),
            (b"2:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c\n", b"/c"),
            (b"5:memory:/m\n2:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/\n", b"/a"),
            (b"9:name=systemd:/\n4:memory:/job/7\n1:cpu:/\n0::/\n", b"/job/7"),
            (b"3:freezer:/f\n1:name=systemd:/s\n", b"/s"),
            (b"0::/with:colon\n", b"/with:colon"),
            (b"", b"/"),
        ];
        for (text, path) in cases {
            let text_shown = String::from_utf8_lossy(text);
            assert_eq!(parse(text), path, "{text_shown}");
        }
    }
}
