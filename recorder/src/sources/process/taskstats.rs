//! Scheduling of all threads of a process, asked for through taskstats
//! (`Documentation/accounting/taskstats.rst` of the kernel).
//!
//! `/proc/PID/schedstat` and `/proc/PID/status` tell of the first thread alone, and of the others
//! there is one file each. One question to taskstats gives the sum over all threads in about a
//! microsecond, whatever their number. It needs `CAP_NET_ADMIN` and the first network namespace.

use super::family::Family;
use nodemon_recorder_ebpf::netlink::{Attributes, u16_at, u64_at};
use rustix::io::Errno;

const GET: u8 = 1;
const ATTRIBUTE_TGID: u16 = 2;
const TYPE_STATS: u16 = 3;
const TYPE_AGGREGATE_TGID: u16 = 5;

/// Offsets in `struct taskstats`, the same in every version but one.
const VERSION_AT: usize = 0;
const TIMESLICES_AT: usize = 16;
const RUN_DELAY_AT: usize = 24;
const IO_DELAY_AT: usize = 40;
const VOLUNTARY_AT: usize = 272;
const INVOLUNTARY_AT: usize = 280;
/// Linux 6.14 and the first of 6.15 have fields in the middle of the struct that 6.15 moved to its
/// end again.
const BROKEN_VERSION: u16 = 15;

/// The questioner.
#[derive(Debug)]
pub struct Taskstats {
    family: Family,
}

/// What was answered: sums over the threads of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Times that a thread was given a CPU.
    pub timeslices: u64,
    /// Time that threads were ready to run and waited for a CPU.
    pub run_delay_ns: u64,
    /// Time that threads waited for block I/O, where the kernel accounts for delays.
    pub io_delay_ns: u64,
    /// Times that threads gave their CPU up.
    pub voluntary_switches: u64,
    /// Times that the CPU was taken from threads.
    pub involuntary_switches: u64,
}

impl Taskstats {
    /// Opens the way to taskstats and tries it on this process.
    ///
    /// # Errors
    /// `PERM` without `CAP_NET_ADMIN`, `NOENT` when this kernel has no taskstats (or this is not
    /// the first network namespace), `PROTO` when the kernel's version of it is the broken one.
    pub fn open() -> Result<Taskstats, Errno> {
        let mut taskstats = Taskstats { family: Family::open(b"TASKSTATS\0")? };
        taskstats.ask(std::process::id())?;
        Ok(taskstats)
    }

    /// Asks about the process `pid`.
    ///
    /// # Errors
    /// `SRCH` when there is no such process.
    pub fn ask(&mut self, pid: u32) -> Result<Scheduling, Errno> {
        let answer = self.family.ask(GET, ATTRIBUTE_TGID, &pid.to_ne_bytes())?;
        parse(answer).ok_or(Errno::PROTO)
    }
}

fn parse(answer: &[u8]) -> Option<Scheduling> {
    let (_, aggregate) = Attributes(answer).find(|&(kind, _)| kind == TYPE_AGGREGATE_TGID)?;
    let (_, stats) = Attributes(aggregate).find(|&(kind, _)| kind == TYPE_STATS)?;
    if u16_at(stats, VERSION_AT)? == BROKEN_VERSION {
        return None;
    }
    Some(Scheduling {
        timeslices: u64_at(stats, TIMESLICES_AT)?,
        run_delay_ns: u64_at(stats, RUN_DELAY_AT)?,
        io_delay_ns: u64_at(stats, IO_DELAY_AT)?,
        voluntary_switches: u64_at(stats, VOLUNTARY_AT)?,
        involuntary_switches: u64_at(stats, INVOLUNTARY_AT)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::{Errno, Taskstats};
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;

    /// The first thread of a sleeping process alone, as procfs tells it.
    fn of_first_thread(pid: u32) -> [u64; 4] {
        let process = procfs::process::Process::new(pid.cast_signed()).unwrap();
        let status = process.status().unwrap();
        let schedstat = process.schedstat().unwrap();
        let switches = (status.voluntary_ctxt_switches, status.nonvoluntary_ctxt_switches);
        [schedstat.pcount, schedstat.run_delay, switches.0.unwrap(), switches.1.unwrap()]
    }

    #[test]
    fn of_a_process_of_one_thread_it_says_what_procfs_says() {
        let mut taskstats = match Taskstats::open() {
            Err(Errno::PERM) => return assert!(!rustix::process::geteuid().is_root()),
            other => other.unwrap(),
        };
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let asked = |taskstats: &mut Taskstats| {
            let stats = taskstats.ask(child.id()).unwrap();
            let switches = [stats.voluntary_switches, stats.involuntary_switches];
            [stats.timeslices, stats.run_delay_ns, switches[0], switches[1]]
        };
        // Once it waits for its input it runs no more, and both ways tell of the same moment.
        let begun = std::time::Instant::now();
        let waits = || {
            let file = std::fs::read_to_string(format!("/proc/{}/syscall", child.id())).unwrap();
            file.starts_with(&format!("{} 0x0 ", libc::SYS_read))
        };
        while !waits() {
            assert!(begun.elapsed().as_secs() < 20, "it never waits for its input");
            std::thread::yield_now();
        }
        let theirs = of_first_thread(child.id());
        assert_eq!(asked(&mut taskstats), theirs, "timeslices, run delay, switches");
        assert!(theirs[0] > 0 && theirs[2] > 0, "it ran, and it waited: {theirs:?}");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(taskstats.ask(child.id()), Err(Errno::SRCH));
    }

    #[test]
    fn switches_of_other_threads_are_counted_too() {
        let Ok(mut taskstats) = Taskstats::open() else { return };
        let (to_thread, of_main) = channel();
        let (to_main, of_thread) = channel();
        let pong = std::thread::spawn(move || {
            for n in of_main {
                to_main.send(n).unwrap();
            }
        });
        let before = taskstats.ask(std::process::id()).unwrap();
        for n in 0..1000 {
            to_thread.send(n).unwrap();
            assert_eq!(of_thread.recv().unwrap(), n);
        }
        let after = taskstats.ask(std::process::id()).unwrap();
        drop(to_thread);
        pong.join().unwrap();
        let first = of_first_thread(std::process::id());
        assert!(after.timeslices > before.timeslices, "{before:?} {after:?}");
        // Neither of the two threads is the first thread of the test's process.
        let switches = after.voluntary_switches + after.involuntary_switches;
        assert!(switches > first[2] + first[3], "{after:?} against {first:?}");
    }
}
