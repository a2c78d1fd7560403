//! Kernels on which a function that is watched would end a program in a sandbox.
//!
//! From 6.11 on a return that is watched is a system call of the program on x86-64, uretprobe(2). A filter
//! of seccomp(2) that does not know it, as that of most containers and services, ends the program or has
//! the call fail, which does so too. From 6.14 on, and in later releases of 6.12 and 6.13, filters do not
//! see it any more (kernel/seccomp.c, `seccomp_uretprobe`).

use nodemon_recorder_ebpf::load::release_numbers;
use std::path::Path;

/// Releases of stable kernels from which on filters do not see it; a little later than it was put in.
const MENDED: [((u32, u32), u32); 2] = [((6, 12), 20), ((6, 13), 10)];

/// Why a process, or some process, would come to harm, where it would.
pub(super) fn why_harmful(proc: &Path, pid: Option<u32>) -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    if !ends_programs(&release) {
        return None;
    }
    let what = format!("on this kernel ({release}) a filter of seccomp ends a program");
    match pid {
        None => Some(format!(
            "{what} of which a function is watched (mended in 6.14): name a process without one by `pid`"
        )),
        Some(pid) if has_filter(proc, pid) => {
            Some(format!("{what}, and process {pid} has one (mended in 6.14)"))
        }
        Some(_) => None,
    }
}

/// Whether a process has a filter, or nobody knows (proc_pid_status(5)).
fn has_filter(proc: &Path, pid: u32) -> bool {
    let status = std::fs::read_to_string(proc.join(pid.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_none_or(|mode| mode.trim() != "0")
}

/// Whether filters see the call on a kernel of this release: `6.12.9-amd64`.
fn ends_programs(release: &str) -> bool {
    let Some([major, minor, patch]) = release_numbers(release) else { return false };
    let branch = (major, minor);
    let mended = MENDED.iter().find(|(of, _)| *of == branch);
    match mended {
        Some((_, from)) => patch < *from,
        None => ((6, 11)..(6, 14)).contains(&branch),
    }
}

#[cfg(test)]
mod tests {
    use super::{ends_programs, has_filter};
    use std::path::Path;

    #[test]
    fn kernels_that_end_programs_in_a_sandbox_are_known() {
        for (release, wanted) in [
            ("5.10.0-30-amd64", false),
            ("6.1.0-28-amd64", false),
            ("6.10.11-amd64", false),
            ("6.11.0-19-generic", true),
            ("6.12.9+bpo-amd64", true),
            ("6.12.41+deb13-amd64", false),
            ("6.13.2", true),
            ("6.13.10", false),
            ("6.14.0-rc1", false),
            ("7.2.0", false),
        ] {
            assert_eq!(ends_programs(release), wanted, "{release}");
        }
    }

    #[test]
    fn a_process_of_which_nobody_knows_has_a_filter() {
        assert!(has_filter(Path::new("/proc"), u32::MAX));
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let is_free = status.lines().any(|line| line == "Seccomp:\t0");
        assert_eq!(has_filter(Path::new("/proc"), std::process::id()), !is_free);
    }
}
