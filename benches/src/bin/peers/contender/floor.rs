//! The floor: reading six files of `/proc` with `pread`, and nothing else.

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

/// The floor as a contender: this program itself, in a process of its own.
pub struct Floor;

impl Contender for Floor {
    fn name(&self) -> &'static str {
        "the floor: `pread` of six files of `/proc`"
    }

    fn start(&self, _scratch: &Path) -> io::Result<Running> {
        Running::spawn(Command::new(std::env::current_exe()?).arg("be-the-floor"))
    }

    fn held(&self, _running: &Running, _scratch: &Path) -> io::Result<Held> {
        Ok(Held::default())
    }
}

/// Is the floor: what the child process does until it is killed.
///
/// # Errors
/// When a file cannot be read.
pub fn run() -> io::Result<()> {
    let files = FILES.map(File::open);
    let mut buffer = vec![0_u8; 256 << 10];
    let start = Instant::now();
    for second in 1.. {
        for file in &files {
            match file {
                Ok(file) => file.read_at(&mut buffer, 0)?,
                Err(why) => return Err(io::Error::new(why.kind(), why.to_string())),
            };
        }
        let due = start + Duration::from_secs(second);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
