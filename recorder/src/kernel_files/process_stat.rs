//! What `/proc/PID/stat` says of who a process is (proc_pid_stat(5)).

use std::path::Path;

/// What tells a process from the next of its number, and one program that it runs from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// When the process began, in ticks since the boot.
    pub start_ticks: u64,
    /// Where the stack of its program begins; 0 where this one may not know.
    pub start_stack: u64,
}

impl ProcessIdentity {
    /// That of the process `pid`, if it is there. `proc` is where proc(5) is mounted.
    pub fn read(proc: &Path, pid: u32) -> Option<ProcessIdentity> {
        /// Numbers of the fields, of which the third is the first behind the name.
        const START: usize = 22 - 3;
        const STACK: usize = 28 - 3;
        let stat = std::fs::read(proc.join(format!("{pid}/stat"))).ok()?;
        // The name may hold anything, up to its last parenthesis.
        let behind = memchr::memrchr(b')', &stat)? + 1;
        let rest = std::str::from_utf8(stat.get(behind..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let start_ticks = fields.nth(START)?.parse().ok()?;
        let start_stack = fields.nth(STACK - START - 1)?.parse().ok()?;
        Some(ProcessIdentity { start_ticks, start_stack })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::ProcessIdentity;
    use std::path::Path;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_that_runs_another_program_is_told_from_what_it_was() {
        let mut shell = Command::new("sh");
        let mut child = shell
            .args(["-c", "read a; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (proc, pid) = (Path::new("/proc"), child.id());
        let read = || ProcessIdentity::read(proc, pid);
        let name = || std::fs::read_to_string(proc.join(format!("{pid}/comm"))).unwrap();
        let before = read().unwrap();
        assert_eq!(read(), Some(before), "it is itself");
        let mut input = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, b"\n").unwrap();
        while name() != "cat\n" {
            std::thread::yield_now();
        }
        let after = read().unwrap();
        assert!(after != before && after.start_ticks == before.start_ticks, "{before:?} {after:?}");
        drop(input);
        child.wait().unwrap();
        assert_eq!(read(), None);
    }
}
