//! What a thread that does not come back waits for: the system call it is in, and the file.
//!
//! The kernel tells the system call of a thread that sleeps in one, with its arguments
//! (`/proc/self/task/TID/syscall`, proc_pid_syscall(5)). Those that name a file by its descriptor
//! are looked up in `/proc/self/fd`; a path is read out of this process's own memory through
//! `/proc/self/mem`, which fails where an address is wrong. Of a file of `/proc/PID` the command of
//! the process is told too: `comm` waits for nobody.

use nodemon_formats::narrow::low_half;
use std::fmt::Write;
use std::fs::{File, read_link, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Longer paths are cut.
const LONGEST_PATH: usize = 512;

/// Where the argument is that says which file a system call is about.
enum Argument {
    /// A descriptor, in this argument.
    Descriptor(usize),
    /// The address of a path, in this argument.
    Path(usize),
    /// Nowhere: it is about no file.
    Nowhere,
}

/// What `thread` of this process waits for, as a phrase: `pread64 of /proc/812/cmdline (python3)`.
/// `None` when it is not known: the thread runs, or the kernel does not tell.
pub fn culprit_of(thread: i32) -> Option<String> {
    let told = read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
    let mut words = told.split_whitespace();
    let number: i64 = words.next()?.parse().ok()?;
    let arguments: Vec<u64> = words
        .map_while(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok())
        .take(6)
        .collect();
    let Some((name, argument)) = known(number) else {
        return (number >= 0).then(|| format!("system call {number}"));
    };
    let file = match argument {
        Argument::Descriptor(at) => descriptor(*arguments.get(at)?),
        Argument::Path(at) => path(*arguments.get(at)?),
        Argument::Nowhere => None,
    };
    let mut phrase = name.to_owned();
    if let Some(file) = file {
        let _ = write!(phrase, " of {file}");
        if let Some(command) = command(&file) {
            let _ = write!(phrase, " ({command})");
        }
    }
    Some(phrase)
}

fn known(number: i64) -> Option<(&'static str, Argument)> {
    Some(match number {
        libc::SYS_read => ("read", Argument::Descriptor(0)),
        libc::SYS_pread64 => ("pread64", Argument::Descriptor(0)),
        libc::SYS_readv => ("readv", Argument::Descriptor(0)),
        libc::SYS_getdents64 => ("getdents64", Argument::Descriptor(0)),
        libc::SYS_ioctl => ("ioctl", Argument::Descriptor(0)),
        libc::SYS_fstatfs => ("fstatfs", Argument::Descriptor(0)),
        libc::SYS_close => ("close", Argument::Descriptor(0)),
        libc::SYS_sendto => ("sendto", Argument::Descriptor(0)),
        libc::SYS_recvfrom => ("recvfrom", Argument::Descriptor(0)),
        libc::SYS_futex => ("another thread of the recorder (futex)", Argument::Nowhere),
        libc::SYS_bpf => ("bpf", Argument::Nowhere),
        libc::SYS_openat => ("openat", Argument::Path(1)),
        libc::SYS_statfs => ("statfs", Argument::Path(0)),
        libc::SYS_statx => ("statx", Argument::Path(1)),
        libc::SYS_newfstatat => ("newfstatat", Argument::Path(1)),
        libc::SYS_readlinkat => ("readlinkat", Argument::Path(1)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => ("open", Argument::Path(0)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink => ("readlink", Argument::Path(0)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat => ("stat", Argument::Path(0)),
        _ => return None,
    })
}

fn descriptor(number: u64) -> Option<String> {
    // The kernel takes the lower half of the register.
    let file = read_link(format!("/proc/self/fd/{}", low_half(number))).ok()?;
    Some(file.to_string_lossy().into_owned())
}

fn path(address: u64) -> Option<String> {
    let memory = File::open("/proc/self/mem").ok()?;
    let mut bytes = [0; LONGEST_PATH];
    // A page that is not there behind the path ends the read early, which is enough.
    let read = memory.read_at(&mut bytes, address).ok()?;
    let path = bytes.get(..read)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// The command of the process whose file this is.
fn command(file: &str) -> Option<String> {
    let process = Path::new(file).strip_prefix("/proc").ok()?.components().next()?;
    let number: u32 = process.as_os_str().to_str()?.parse().ok()?;
    let command = read_to_string(format!("/proc/{number}/comm")).ok()?;
    Some(command.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::culprit_of;
    use std::io::Write;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    /// What the culprit is of a thread that does `what`, once it waits.
    fn culprit(expected: &str, what: impl FnOnce() + Send + 'static) {
        let (tell, told) = channel();
        std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            what();
        });
        let thread = told.recv().unwrap();
        let since = Instant::now();
        loop {
            let culprit = culprit_of(thread);
            if culprit.as_deref().is_some_and(|culprit| culprit.contains(expected)) {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "{expected}: {culprit:?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_waits_in_a_read_is_told_with_the_file() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        culprit("read of pipe:[", move || {
            let _ = std::io::Read::read(&mut reader, &mut [0]);
        });
        let _ = writer.write(&[0]);
    }

    #[test]
    fn who_waits_for_a_file_to_be_opened_is_told_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("nobody writes");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        );
        made.unwrap();
        let opened = fifo.clone();
        let expected = format!("of {}", fifo.display());
        culprit(&expected, move || drop(std::fs::File::open(opened)));
        // The thread may go.
        drop(std::fs::OpenOptions::new().read(true).write(true).open(fifo).unwrap());
    }
}
