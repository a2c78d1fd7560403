//! `/proc/PID/stat` (proc_pid_stat(5)): one line of numbers about a whole process.

use crate::kernel_files::text::{Fields, leading_u64, rsplit_once, split_once};

/// What a line of `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// `R` running, `S` sleeping, `D` uninterruptible, `Z` zombie, ... of the first thread.
    pub state: u8,
    /// The parent.
    pub ppid: u64,
    /// Whether it is a thread of the kernel (`PF_KTHREAD`).
    pub kernel_thread: bool,
    /// Faults without I/O, of all threads.
    pub minor_faults: u64,
    /// Faults with I/O, of all threads.
    pub major_faults: u64,
    /// User time of all threads, ticks.
    pub user_ticks: u64,
    /// System time of all threads, ticks.
    pub system_ticks: u64,
    /// Priority as the kernel sees it.
    pub priority: i64,
    /// Nice value.
    pub nice: i64,
    /// Number of threads.
    pub threads: u64,
    /// Start, ticks since boot.
    pub start_ticks: u64,
    /// Address space, bytes.
    pub vsize_bytes: u64,
    /// Resident memory, pages.
    pub rss_pages: u64,
    /// Where the arguments of the program lie, which moves with every exec; 0 for those who may
    /// not look into the process.
    pub arguments_at: u64,
    /// CPU that it ran on last.
    pub processor: u64,
}

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Reads the line: the command, which may hold blanks and parentheses, and the rest. `None` when
/// it is not such a line.
pub fn parse(line: &[u8]) -> Option<(&[u8], Stat)> {
    let (_, line) = split_once(line, b'(')?;
    let (command, fields) = rsplit_once(line, b')')?;
    let mut fields = Fields::new(fields.strip_suffix(b"\n").unwrap_or(fields));
    let state = *fields.word()?.first()?;
    let ppid = fields.u64()?;
    fields.skip(4);
    let flags = fields.u64()?;
    let minor_faults = fields.u64()?;
    fields.skip(1);
    let major_faults = fields.u64()?;
    fields.skip(1);
    let user_ticks = fields.u64()?;
    let system_ticks = fields.u64()?;
    fields.skip(2);
    let priority = fields.i64()?;
    let nice = fields.i64()?;
    let threads = fields.u64()?;
    fields.skip(1);
    let start_ticks = fields.u64()?;
    let vsize_bytes = fields.u64()?;
    let rss_pages = leading_u64(fields.word()?).map_or(0, |(pages, _)| pages);
    fields.skip(14);
    let processor = fields.u64()?;
    fields.skip(8);
    let arguments_at = fields.u64().unwrap_or(0);
    let kernel_thread = flags & KERNEL_THREAD != 0;
    let stat = Stat {
        state,
        ppid,
        kernel_thread,
        minor_faults,
        major_faults,
        user_ticks,
        system_ticks,
        priority,
        nice,
        threads,
        start_ticks,
        vsize_bytes,
        rss_pages,
        arguments_at,
        processor,
    };
    Some((command, stat))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::parse;
    use procfs::FromRead;
    use proptest::prelude::*;

    #[test]
    fn every_process_of_this_machine_reads_as_procfs_reads_it() {
        let mut compared = 0;
        for process in procfs::process::all_processes().unwrap().flatten() {
            let Ok(text) = std::fs::read(format!("/proc/{}/stat", process.pid)) else { continue };
            let theirs = procfs::process::Stat::from_read(&text[..]).unwrap();
            let (command, ours) = parse(&text).unwrap();
            assert_eq!(command, theirs.comm.as_bytes());
            assert_eq!(char::from(ours.state), theirs.state);
            assert_eq!(ours.ppid, u64::from(theirs.ppid.cast_unsigned()));
            assert_eq!(ours.kernel_thread, theirs.flags & 0x0020_0000 != 0);
            assert_eq!([ours.minor_faults, ours.major_faults], [theirs.minflt, theirs.majflt]);
            assert_eq!([ours.user_ticks, ours.system_ticks], [theirs.utime, theirs.stime]);
            assert_eq!([ours.priority, ours.nice], [theirs.priority, theirs.nice]);
            assert_eq!(ours.threads, theirs.num_threads.cast_unsigned());
            assert_eq!(ours.start_ticks, theirs.starttime);
            assert_eq!([ours.vsize_bytes, ours.rss_pages], [theirs.vsize, theirs.rss]);
            assert_eq!(
                Some(ours.processor),
                theirs.processor.map(|cpu| u64::from(cpu.cast_unsigned()))
            );
            assert_eq!(Some(ours.arguments_at), theirs.arg_start);
            compared += 1;
        }
        assert!(compared > 3, "only {compared} processes");
    }

    #[test]
    fn a_command_may_hold_anything() {
        let rest = "S 1 2 3 0 -1 4194560 10 20 30 40 50 60 70 80 20 -5 9 0 1234 4096 7 0 1 1 0 0 0 0 \
                    0 0 0 0 0 0 17 3 0 0 0 0 0 0 0 0 77 0 0 0 0";
        for command in ["sh", "a b", "(sd-pam)", ") S 1", "x)(", "", "a\nb"] {
            let line = format!("42 ({command}) {rest}\n");
            let (name, stat) = parse(line.as_bytes()).unwrap();
            assert_eq!(name, command.as_bytes());
            assert_eq!((stat.state, stat.ppid, stat.nice, stat.threads), (b'S', 1, -5, 9));
            assert_eq!((stat.start_ticks, stat.vsize_bytes, stat.rss_pages), (1234, 4096, 7));
            assert_eq!((stat.processor, stat.user_ticks, stat.system_ticks), (3, 50, 60));
        }
    }

    /// Looks like a line, with any number of fields.
    const LINE: &str = "[0-9]{1,3} \\([a-z) ]{0,9}\\) [SRD]( -?[0-9]{1,21}){0,60}";

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text: Vec<u8>, line in LINE,
        ) {
            parse(&text);
            parse(line.as_bytes());
        }
    }
}
