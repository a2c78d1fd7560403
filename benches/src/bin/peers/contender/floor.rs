//! The floors: reading files of `/proc`, and nothing else.

use super::{Contender, Held, Running};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: [&str; 6] = [
    "/proc/stat",
    "/proc/meminfo",
    "/proc/softirqs",
    "/proc/diskstats",
    "/proc/net/dev",
    "/proc/loadavg",
];

/// What a table of processes needs of each of them once a second.
const FILES_OF_PROCESS: [&str; 4] = ["stat", "status", "io", "schedstat"];

/// A floor as a contender: this program itself, in a process of its own.
pub enum Floor {
    /// Six files with `pread`.
    System,
    /// Four files of every process, opened, read and closed.
    Processes,
}

impl Contender for Floor {
    fn name(&self) -> &'static str {
        match self {
            Floor::System => "the floor: `pread` of six files of `/proc`",
            Floor::Processes => {
                "the floor: `stat`, `status`, `io` and `schedstat` of every process, not parsed"
            }
        }
    }

    fn start(&self, _scratch: &Path) -> io::Result<Running> {
        let role = match self {
            Floor::System => "be-the-floor",
            Floor::Processes => "be-the-floor-of-processes",
        };
        Running::spawn(Command::new(std::env::current_exe()?).arg(role))
    }

    fn held(&self, _running: &Running, _scratch: &Path) -> io::Result<Held> {
        Ok(Held::default())
    }
}

/// Is the floor: what the child process does until it is killed.
///
/// # Errors
/// When a file cannot be read.
pub fn run_floor() -> io::Result<()> {
    let files = FILES.map(File::open);
    let mut buffer = vec![0_u8; 256 << 10];
    every_second(|| {
        for file in &files {
            match file {
                Ok(file) => file.read_at(&mut buffer, 0)?,
                Err(why) => return Err(io::Error::new(why.kind(), why.to_string())),
            };
        }
        Ok(())
    })
}

/// Likewise the floor of processes.
///
/// # Errors
/// When `/proc` cannot be listed.
pub fn run_floor_of_processes() -> io::Result<()> {
    let mut buffer = vec![0_u8; 16 << 10];
    every_second(|| {
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            for file in FILES_OF_PROCESS {
                // It may have ended.
                if let Ok(file) = File::open(entry.path().join(file)) {
                    let _ = file.read_at(&mut buffer, 0);
                }
            }
        }
        Ok(())
    })
}

fn every_second(mut read: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let start = Instant::now();
    for second in 1.. {
        read()?;
        let due = start + Duration::from_secs(second);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
