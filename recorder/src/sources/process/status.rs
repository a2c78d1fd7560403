//! `/proc/PID/status` (proc_pid_status(5)): the owner, what memory is made of, context switches.

use crate::kernel_files::text::{Fields, lines, split_once};

/// What `/proc/PID/status` says. Threads of the kernel have no memory, so theirs is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Effective user.
    pub uid: Option<u64>,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
    /// Resident memory that belongs to no file.
    pub rss_anon_bytes: Option<u64>,
    /// Resident memory that maps files.
    pub rss_file_bytes: Option<u64>,
    /// Resident memory that is shared (System V, tmpfs, shared anonymous mappings).
    pub rss_shmem_bytes: Option<u64>,
    /// Memory that is swapped out.
    pub swap_bytes: Option<u64>,
    /// Times that the first thread gave its CPU up.
    pub voluntary_switches: Option<u64>,
    /// Times that its CPU was taken from the first thread.
    pub involuntary_switches: Option<u64>,
}

/// Reads the whole file. Lines that this kernel does not have are `None`.
pub fn parse(text: &[u8]) -> Status {
    let mut status = Status::default();
    for line in lines(text) {
        let Some((name, value)) = split_once(line, b':') else { continue };
        let mut fields = Fields::new(value);
        let place = match name {
            b"Uid" => {
                fields.skip(1);
                status.uid = fields.u64();
                continue;
            }
            b"voluntary_ctxt_switches" => {
                status.voluntary_switches = fields.u64();
                continue;
            }
            b"nonvoluntary_ctxt_switches" => {
                status.involuntary_switches = fields.u64();
                continue;
            }
            b"VmRSS" => &mut status.rss_bytes,
            b"RssAnon" => &mut status.rss_anon_bytes,
            b"RssFile" => &mut status.rss_file_bytes,
            b"RssShmem" => &mut status.rss_shmem_bytes,
            b"VmSwap" => &mut status.swap_bytes,
            _ => continue,
        };
        *place = fields.u64().map(|kib| kib.saturating_mul(1024));
    }
    status
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Status, parse};
    use procfs::FromRead;
    use proptest::prelude::*;

    #[test]
    fn every_process_of_this_machine_reads_as_procfs_reads_it() {
        let mut compared = 0;
        for process in procfs::process::all_processes().unwrap().flatten() {
            let Ok(text) = std::fs::read(format!("/proc/{}/status", process.pid)) else { continue };
            let theirs = procfs::process::Status::from_read(&text[..]).unwrap();
            let bytes = |kib: Option<u64>| kib.map(|kib| kib * 1024);
            let expected = Status {
                uid: Some(theirs.euid.into()),
                rss_bytes: bytes(theirs.vmrss),
                rss_anon_bytes: bytes(theirs.rssanon),
                rss_file_bytes: bytes(theirs.rssfile),
                rss_shmem_bytes: bytes(theirs.rssshmem),
                swap_bytes: bytes(theirs.vmswap),
                voluntary_switches: theirs.voluntary_ctxt_switches,
                involuntary_switches: theirs.nonvoluntary_ctxt_switches,
            };
            assert_eq!(parse(&text), expected, "process {}", process.pid);
            compared += 1;
        }
        assert!(compared > 3, "only {compared} processes");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text: Vec<u8>, lines in "((Uid|VmRSS|RssAnon|x):[\t ]*[0-9x ]{0,30}\n){0,9}",
        ) {
            parse(&text);
            parse(lines.as_bytes());
        }
    }
}
