//! What tests of the system make and take away again.

use nodemon_recorder_ebpf::load::{Filter, Settings};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A name that nobody else has: tests run side by side, in one process and in several.
pub fn own_name(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("nodemon-{what}-{}-{number}", std::process::id())
}

/// Held by tests in which processes come and go, so that the many of one do not take the budget and
/// the ring of the other.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shell that runs `script`.
pub fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Waits until a child has the name of the program that it runs: whoever starts a program goes on
/// a moment before that.
pub fn wait_for_name(child: &Child, name: &str) {
    let comm = format!("/proc/{}/comm", child.id());
    while std::fs::read_to_string(&comm).is_ok_and(|told| told.trim_end() != name) {
        std::thread::yield_now();
    }
}

/// Waits until a `sleep` sleeps: before that it opens and closes libraries.
pub fn wait_until_asleep(child: &Child) {
    let path = format!("/proc/{}/syscall", child.id());
    let calls = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep];
    loop {
        let text = std::fs::read_to_string(&path).expect("it runs, and root sees its calls");
        let number = text.split(' ').next().and_then(|word| word.parse().ok());
        if number.is_some_and(|number: i64| calls.contains(&number)) {
            return;
        }
        std::thread::yield_now();
    }
}

/// Looks at programs of one name.
pub fn settings_of(command: &str, events_per_s: u64) -> Settings {
    let mut filter = Filter::default();
    filter.command[..command.len()].copy_from_slice(command.as_bytes());
    Settings { filter, events_per_s, ..Settings::here().unwrap() }
}

/// What a process used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// In user code and in the kernel.
    pub cpu: Duration,
    pub max_resident_bytes: u64,
}

/// Waits for the end of a process.
pub fn wait_with_usage(child: Child) -> Usage {
    let mut status = 0;
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a structure of numbers, of which each may be 0.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are those of variables that live until the call returns.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, pid);
    let time = |time: libc::timeval| {
        Duration::from_micros((time.tv_sec * 1_000_000 + time.tv_usec).cast_unsigned())
    };
    Usage {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        max_resident_bytes: usage.ru_maxrss.cast_unsigned() * 1024,
    }
}

/// A control group of the test's own; removed when this is dropped.
pub struct Group(PathBuf);

impl Group {
    /// One that may have so much memory, in the hierarchy of whichever version has the controller.
    pub fn with_memory(bytes: u64) -> Result<Group, String> {
        let mounts = fs::read_to_string("/proc/mounts").map_err(|error| error.to_string())?;
        for line in mounts.lines() {
            let mut words = line.split(' ').skip(1);
            let (Some(at), Some(kind), Some(options)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let limit = match kind {
                "cgroup" if options.split(',').any(|option| option == "memory") => {
                    "memory.limit_in_bytes"
                }
                "cgroup2" => "memory.max",
                _ => continue,
            };
            let group = Path::new(at).join(own_name("test"));
            fs::create_dir(&group).map_err(|error| format!("no control group: {error}"))?;
            let group = Group(group);
            if fs::write(group.0.join(limit), bytes.to_string()).is_ok() {
                return Ok(group);
            }
        }
        Err("no control group can limit memory here".to_owned())
    }

    /// Where processes are named that shall be in it.
    pub fn members(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Those who were in it may take a while to end.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("{} is left", self.0.display());
    }
}

/// A block device in a file on a file system that can be stopped, which is in a file too.
pub struct Loops {
    folder: PathBuf,
    outer: Option<String>,
    inner: Option<String>,
}

fn said(command: &str) -> Result<String, String> {
    let output = shell(command).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{command}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

impl Loops {
    pub fn new() -> Result<Loops, String> {
        let folder = std::env::temp_dir().join(own_name("loops"));
        let at = folder.display().to_string();
        let mut loops = Loops { folder, outer: None, inner: None };
        said(&format!(
            "mkdir {at} {at}/on && truncate -s 64M {at}/disk && mkfs.ext4 -q {at}/disk"
        ))?;
        loops.outer = Some(said(&format!("losetup -f --show {at}/disk"))?);
        let outer = loops.outer.as_deref().unwrap_or_default();
        said(&format!("mount {outer} {at}/on && dd if=/dev/zero of={at}/on/disk bs=1M count=8"))?;
        said(&format!("sync {at}/on/disk"))?;
        loops.inner = Some(said(&format!("losetup -f --show {at}/on/disk"))?);
        Ok(loops)
    }

    /// The name of the device.
    pub fn name(&self) -> &str {
        self.inner.as_deref().unwrap_or_default().trim_start_matches("/dev/")
    }

    /// Writes 4096 bytes behind the first 4096, which takes so long.
    pub fn write_while_frozen(&self, time: Duration) -> Result<(), String> {
        let (at, inner) = (self.folder.display(), self.inner.as_deref().unwrap_or_default());
        let seconds = time.as_secs_f64();
        said(&format!(
            "fsfreeze -f {at}/on || exit 1; (sleep {seconds}; fsfreeze -u {at}/on) & \
             dd if=/dev/zero of={inner} bs=4096 seek=1 count=1 oflag=direct conv=notrunc; wait"
        ))?;
        Ok(())
    }

    /// Freezes the file system, has a program make a file on it, which hangs, and shows it to `look`.
    pub fn with_blocked_program(&self, look: impl FnOnce(&Child)) -> Result<(), String> {
        let at = self.folder.display().to_string();
        said(&format!("fsfreeze -f {at}/on"))?;
        let blocked = shell(&format!("exec touch {at}/on/file")).spawn();
        let looked = blocked.map(|mut child| {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&child)));
            (result, said(&format!("fsfreeze -u {at}/on")), child.wait())
        });
        let (result, thawed, ended) = looked.map_err(|error| error.to_string())?;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        ended.map_err(|error| error.to_string())?;
        thawed.map(drop)
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        let at = self.folder.display();
        for device in [&self.inner, &self.outer] {
            let _ = said(&format!("umount {at}/on"));
            if let Some(device) = device
                && let Err(why) = said(&format!("losetup -d {device}"))
            {
                println!("{why}");
            }
        }
        if let Err(why) = said(&format!("umount {at}/on; rm -r {at}")) {
            println!("{why}");
        }
    }
}
