//! Samples of other processes, taken while a tracer has them stopped (ptrace(2)).
//!
//! `unsafe` because the C library has no other way to call it. A process is only stopped and let go;
//! the one pointer that is passed is to room for all registers that there are.

use crate::stacks::{Stacks, UserSample};
use nodemon_formats::stack::{Frame, frames};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long something is waited for on a machine on which much else is tested.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a sample was taken of.
#[derive(Clone)]
pub(super) struct Sampled {
    pub(super) pid: u32,
    registers: [u64; 4],
    pub(super) stack: Vec<u8>,
}

impl Sampled {
    /// Stops a thread of a process, and copies its registers and up to `bytes` of its stack.
    pub(super) fn of(pid: u32, thread: u32, bytes: usize) -> Sampled {
        let tid: libc::pid_t = thread.try_into().unwrap();
        let null = std::ptr::null_mut::<libc::c_void>;
        let call = |request| unsafe { libc::ptrace(request, tid, null(), null()) };
        assert_eq!(call(libc::PTRACE_SEIZE), 0, "{}", std::io::Error::last_os_error());
        assert_eq!(call(libc::PTRACE_INTERRUPT), 0);
        let mut status = 0;
        assert_eq!(unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL) }, tid);
        let mut words = [0u64; 64];
        let mut room =
            libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size_of_val(&words) };
        let general = std::ptr::without_provenance_mut::<libc::c_void>(1);
        let got = unsafe {
            libc::ptrace(
                libc::PTRACE_GETREGSET,
                tid,
                general,
                (&raw mut room).cast::<libc::c_void>(),
            )
        };
        assert_eq!(got, 0);
        let registers = from_general(&words);
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut stack = vec![0; bytes];
        // The stack may end before so much; pages are read one by one then.
        let mut count = 0;
        while count < bytes {
            let to = (count + 256).min(bytes);
            match memory.read_at(&mut stack[count..to], registers[1] + count as u64) {
                Ok(more) if more > 0 => count += more,
                _ => break,
            }
        }
        stack.truncate(count);
        assert_eq!(call(libc::PTRACE_DETACH), 0);
        Sampled { pid, registers, stack }
    }

    pub(super) fn as_sample(&self) -> UserSample<'_> {
        let [ip, sp, fp, lr] = self.registers;
        UserSample { pid: self.pid, start_ns: 0, ip, sp, fp, lr, stack: &self.stack }
    }

    pub(super) fn cell(&self, stacks: &mut Stacks) -> Vec<u8> {
        let mut cell = Vec::new();
        stacks.put_user_frames(&self.as_sample(), &mut cell);
        cell
    }
}

/// Instruction, stack and frame pointer, and link register.
#[cfg(target_arch = "x86_64")]
fn from_general(words: &[u64; 64]) -> [u64; 4] {
    [words[16], words[19], words[4], 0]
}

#[cfg(target_arch = "aarch64")]
fn from_general(words: &[u64; 64]) -> [u64; 4] {
    [words[32], words[31], words[29], words[30]]
}

pub(super) fn stacks() -> Stacks {
    // What works for others is on a thread of its own.
    fn moved<T: Send>(value: T) -> T {
        value
    }
    moved(Stacks::new(Path::new("/proc")))
}

/// Name by name, from the outermost frame on.
pub(super) fn names(cell: &[u8]) -> Vec<String> {
    frames(cell).map(|frame| frame.name().into_owned()).collect()
}

/// Whether all of these are names of functions, or of modules, in this order.
pub(super) fn has_in_order(cell: &[u8], wanted: &[&str]) -> bool {
    let is = |frame: &Frame<'_>, wanted: &str| {
        let function = String::from_utf8_lossy(frame.function);
        let module = String::from_utf8_lossy(frame.module);
        function == wanted
            || function.ends_with(&format!("::{wanted}"))
            || module.rsplit('/').next().is_some_and(|file| file.starts_with(wanted))
    };
    let mut all = frames(cell);
    wanted.iter().all(|wanted| all.any(|frame| is(&frame, wanted)))
}

pub(super) fn is_cut(cell: &[u8]) -> bool {
    frames(cell).next().unwrap().function == b"[truncated]"
}

/// A process that ends with the test.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) thread: u32,
}

impl Running {
    /// Starts a program.
    pub(super) fn start(command: &mut Command) -> Running {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let thread = child.id();
        Running { child, thread }
    }

    /// Starts a test of this program that does something for ever, and tells its thread.
    pub(super) fn start_test(name: &str) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", name]).env(FOR_EVER, "1");
        let mut this = Running::start(&mut command);
        let lines = BufReader::new(this.child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let thread = lines.find_map(|line| line.split_once("thread ")?.1.trim().parse().ok());
        this.thread = thread.expect("a child that tells its thread");
        this
    }

    pub(super) fn sample(&self, bytes: usize) -> Sampled {
        Sampled::of(self.child.id(), self.thread, bytes)
    }

    /// Samples until it is where it is wanted.
    pub(super) fn cell_with(&self, stacks: &mut Stacks, wanted: &[&str]) -> Vec<u8> {
        let start = Instant::now();
        loop {
            let cell = self.sample(32 << 10).cell(stacks);
            if has_in_order(&cell, wanted) {
                return cell;
            }
            assert!(start.elapsed() < PATIENCE, "no {wanted:?} in {:?}", names(&cell));
            stacks.settle();
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Set for children of tests.
const FOR_EVER: &str = "NODEMON_TEST_FOR_EVER";

/// Whether the test that asks was started by another; says then which thread it is.
pub(super) fn is_child() -> bool {
    let is_child = std::env::var_os(FOR_EVER).is_some();
    if is_child {
        println!("thread {}", rustix::thread::gettid().as_raw_nonzero());
    }
    is_child
}
