//! The loads under which two recorders are compared.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What this machine does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Idle,
    /// A C compiler on each CPU, one file after the other.
    Build,
    /// Two threads that wake each other.
    Switches,
}

/// All of them.
pub const KINDS: [Kind; 3] = [Kind::Idle, Kind::Build, Kind::Switches];

/// Times a second that one thread wakes the other and is woken by it: four switches.
const TURNS: u32 = 5_000;
/// They are paced this often.
const PACE: Duration = Duration::from_millis(1);
/// Functions of the file that is compiled.
const FUNCTIONS: usize = 2_000;

impl Kind {
    /// What stands in the table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Idle => "idle",
            Kind::Build => "a build on every CPU",
            Kind::Switches => "20,000 switches a second",
        }
    }
}

/// A load that runs until it is dropped.
pub struct Load {
    children: Vec<Child>,
    _scratch: tempfile::TempDir,
}

impl Load {
    /// Starts it.
    pub fn start(kind: &Kind) -> Result<Load, Box<dyn Error>> {
        let scratch = tempfile::tempdir()?;
        let mut commands = Vec::new();
        match kind {
            Kind::Idle => {}
            Kind::Switches => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("be-the-switches");
                commands.push(command);
            }
            Kind::Build => {
                let source = scratch.path().join("source.c");
                write_source(&mut File::create(&source)?)?;
                for _ in 0..thread::available_parallelism()?.get() {
                    let mut command = Command::new("sh");
                    let script = "while cc -O2 -c -o /dev/null \"$1\"; do :; done";
                    command.args(["-c", script, "build"]).arg(&source);
                    commands.push(command);
                }
            }
        }
        let mut children = Vec::new();
        for mut command in commands {
            // With all that it starts, it is ended at once.
            let command = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
            children.push(command.spawn()?);
        }
        Ok(Load { children, _scratch: scratch })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.children {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.wait();
        }
    }
}

fn write_source(file: &mut File) -> std::io::Result<()> {
    let mut text = String::new();
    for number in 0..FUNCTIONS {
        text.push_str(&format!(
            "int f{number}(int *a, int n) {{ int s = {number}; for (int i = 0; i < n; i++) \
             s = s * 31 + (a[i] % {} ? a[i] : f{number}(a + 1, n / 2)); return s; }}\n",
            number + 2
        ));
    }
    file.write_all(text.as_bytes())
}

/// Is the load of switches, for ever.
pub fn switch() -> Result<(), Box<dyn Error>> {
    let ((mut from_first, mut to_second), (mut from_second, mut to_first)) = (pipe()?, pipe()?);
    thread::spawn(move || {
        let mut byte = [0];
        while from_first.read_exact(&mut byte).and_then(|()| to_first.write_all(&byte)).is_ok() {}
    });
    let (begun, mut byte) = (Instant::now(), [0]);
    let turns = TURNS / (1_000_000 / u32::try_from(PACE.as_micros())?);
    for paced in 1.. {
        for _ in 0..turns {
            to_second.write_all(&byte)?;
            from_second.read_exact(&mut byte)?;
        }
        if let Some(left) = (PACE * paced).checked_sub(begun.elapsed()) {
            thread::sleep(left);
        }
    }
    Ok(())
}
