//! The load under which everything is measured: light, steady, the same for everybody.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Period of the load.
const PERIOD: Duration = Duration::from_millis(100);
/// Time on the CPU a period.
const BURST: Duration = Duration::from_millis(3);
/// Bytes written a period.
const WRITE_BYTES: usize = 64 << 10;

/// Child processes that are killed and reaped when this is dropped.
#[derive(Default)]
pub struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself; there is nothing else to be done about it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the load: one process that burns 3 ms and writes 64 KiB every 100 ms.
///
/// # Errors
/// When the process cannot be started.
pub fn start(scratch: &Path) -> io::Result<Children> {
    let myself = std::env::current_exe()?;
    let child = Command::new(myself).arg("be-the-load").arg(scratch.join("load")).spawn()?;
    Ok(Children(vec![child]))
}

/// Starts the crowd: 96 processes that sleep and 4 that work as the load does.
///
/// # Errors
/// When a process cannot be started.
pub fn start_crowd(scratch: &Path) -> io::Result<Children> {
    let mut crowd = Children::default();
    for _ in 0..96 {
        crowd.0.push(Command::new("sleep").arg("3600").spawn()?);
    }
    let myself = std::env::current_exe()?;
    for number in 0..4 {
        let file = scratch.join(format!("crowd-{number}"));
        crowd.0.push(Command::new(&myself).arg("be-the-load").arg(file).spawn()?);
    }
    Ok(crowd)
}

/// Starts more processes that sleep.
///
/// # Errors
/// When a process cannot be started.
pub fn start_sleepers(count: usize) -> io::Result<Children> {
    let mut sleepers = Children::default();
    for _ in 0..count {
        sleepers.0.push(Command::new("sleep").arg("3600").spawn()?);
    }
    Ok(sleepers)
}

/// Is the load: what the child process does until it is killed.
///
/// # Errors
/// When the file cannot be written.
pub fn run(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let bytes = vec![0x5a_u8; WRITE_BYTES];
    let start = Instant::now();
    for turn in 1_u32.. {
        let burst = Instant::now();
        while burst.elapsed() < BURST {
            std::hint::spin_loop();
        }
        if turn % 64 == 0 {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&bytes)?;
        std::thread::sleep((start + PERIOD * turn).saturating_duration_since(Instant::now()));
    }
    Ok(())
}
