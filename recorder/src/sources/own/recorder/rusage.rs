//! What this process has used so far, all threads together: `getrusage(2)`.

use std::mem::MaybeUninit;

/// What was used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time in user code, ns.
    pub user_ns: u64,
    /// Time in the kernel, ns.
    pub system_ns: u64,
    /// Page faults that needed no I/O.
    pub minor_faults: u64,
    /// Page faults that waited for I/O.
    pub major_faults: u64,
    /// Times that a thread gave up its CPU to wait: its wakes.
    pub voluntary_switches: u64,
    /// Times that a thread had to give up its CPU.
    pub involuntary_switches: u64,
}

/// What this process has used so far.
pub fn usage() -> Usage {
    let mut raw = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`, which the kernel fills. All zeroes, which stand
    // there should the call fail, are a valid one, too: it has integers only.
    let raw = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, raw.as_mut_ptr());
        raw.assume_init()
    };
    let ns = |time: libc::timeval| time.tv_sec * 1_000_000_000 + time.tv_usec * 1_000;
    Usage {
        user_ns: ns(raw.ru_utime).cast_unsigned(),
        system_ns: ns(raw.ru_stime).cast_unsigned(),
        minor_faults: raw.ru_minflt.cast_unsigned(),
        major_faults: raw.ru_majflt.cast_unsigned(),
        voluntary_switches: raw.ru_nvcsw.cast_unsigned(),
        involuntary_switches: raw.ru_nivcsw.cast_unsigned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::usage;

    #[test]
    fn cpu_time_that_is_burnt_shows() {
        let before = usage();
        let mut burnt = 0u64;
        let spent =
            |now: super::Usage| now.user_ns + now.system_ns - before.user_ns - before.system_ns;
        while spent(usage()) < 20_000_000 {
            burnt = std::hint::black_box(burnt.wrapping_add(1));
            assert!(burnt < 1 << 32, "CPU time stands still: {:?}", usage());
        }
    }

    #[test]
    fn page_faults_are_those_that_the_kernel_counts_for_the_process() {
        let theirs = || procfs::process::Process::myself().unwrap().stat().unwrap().minflt;
        let before = theirs();
        let ours = usage().minor_faults;
        let after = theirs();
        assert!((before..=after).contains(&ours), "{ours}, procfs says {before} to {after}");
    }
}
