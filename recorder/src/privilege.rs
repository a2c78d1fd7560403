//! What the process may do, where it runs, and who may read what it writes.

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, geteuid, setrlimit, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, CpuSet, capabilities, clear_ambient_capability_set,
    sched_setaffinity, set_capabilities, set_no_new_privs,
};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Capabilities that sources use as long as they run:
///
/// - `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`: `/proc/PID/io` and links of other users'
///   processes, files that only root may read, mount points below private directories.
/// - `CAP_NET_ADMIN`: taskstats, which netlink gives to nobody else, and eBPF programs that the
///   kernel counts to networking, as the one is that starts the timer of `cpus`.
/// - `CAP_BPF` and `CAP_PERFMON`: eBPF programs, which are loaded anew when one has failed.
/// - `CAP_CHECKPOINT_RESTORE`: `/proc/PID/map_files`, which has libraries that were replaced while a
///   program uses them; their functions have names in stacks.
/// - `CAP_SYSLOG`: addresses in `/proc/kallsyms`, which give functions of the kernel their names.
const SOURCES_NEED: CapabilitySet = CapabilitySet::SYS_PTRACE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::CHECKPOINT_RESTORE)
    .union(CapabilitySet::SYSLOG);

/// A capability that some sources need to be opened, and none to run: `CAP_SYS_ADMIN`, without which
/// Debian's kernels open no performance counter, kprobe or tracepoint of tracefs
/// (`kernel.perf_event_paranoid` is 3 there), and no kernel measures what eBPF programs cost.
const OPENING_NEEDS: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// Makes every file that is created from now on the recorder's own: 0600, directories 0700.
pub fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Lifts the limit of locked memory, from which kernels before 5.11 take the maps and programs of eBPF.
/// Where that is refused, such a kernel refuses them, and later ones do not care.
pub fn lift_limit_of_locked_memory() {
    let unlimited = Rlimit { current: None, maximum: None };
    let _ = setrlimit(Resource::Memlock, unlimited);
}

/// Keeps the process, and every thread that it will start, on one CPU.
///
/// # Errors
/// When there is no such CPU, or the process may not run there.
pub fn stay_on(cpu: usize) -> Result<(), Errno> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(Errno::INVAL);
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)
}

/// Drops every capability that neither opening sources nor running them takes, for this thread and
/// those that it will start, for good. `directory` is that of the recording.
///
/// # Errors
/// When the kernel refuses; then the process has what it had.
pub fn drop_capabilities(directory: &Path) -> Result<(), Errno> {
    drop_but(directory, SOURCES_NEED | OPENING_NEEDS)
}

/// Drops what only opening sources took, for this thread and those that it will start, for good.
///
/// # Errors
/// When the kernel refuses; then the thread has what it had.
pub fn drop_what_opening_took(directory: &Path) -> Result<(), Errno> {
    drop_but(directory, SOURCES_NEED)
}

/// Drops everything but what sources read with, for this thread, for good.
///
/// # Errors
/// When the kernel refuses; then the thread has what it had.
pub fn drop_all_but_reading() -> Result<(), Errno> {
    keep_only(SOURCES_NEED)
}

fn drop_but(directory: &Path, needed: CapabilitySet) -> Result<(), Errno> {
    // A directory that belongs to somebody else can be written to with this alone.
    let is_own = std::fs::metadata(directory).is_ok_and(|meta| meta.uid() == geteuid().as_raw());
    let others = if is_own { CapabilitySet::empty() } else { CapabilitySet::DAC_OVERRIDE };
    keep_only(needed | others)
}

fn keep_only(needed: CapabilitySet) -> Result<(), Errno> {
    let have = capabilities(None)?;
    let keep = have.permitted & needed;
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: keep & have.effective,
            permitted: keep,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_no_new_privs(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{OPENING_NEEDS, SOURCES_NEED, drop_capabilities, drop_what_opening_took};
    use rustix::thread::{CapabilitySet, capabilities, no_new_privs};

    #[test]
    fn what_no_source_needs_is_gone_for_good_and_nothing_is_gained() {
        // Capabilities belong to a thread, so this one has its own.
        let dir = tempfile::tempdir().unwrap();
        let (before, opening, after, locked) = std::thread::spawn(move || {
            let before = capabilities(None).unwrap();
            drop_capabilities(dir.path()).unwrap();
            let opening = capabilities(None).unwrap();
            drop_what_opening_took(dir.path()).unwrap();
            (before, opening, capabilities(None).unwrap(), no_new_privs().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!(opening.permitted, before.permitted & (SOURCES_NEED | OPENING_NEEDS));
        assert_eq!(after.permitted, before.permitted & SOURCES_NEED);
        assert_eq!(after.effective, before.effective & SOURCES_NEED);
        assert_eq!(after.inheritable, CapabilitySet::empty());
        assert!(locked, "a program that it might execute gains nothing either");
    }
}
