//! Loads whose size is known, so that what was recorded of them can be held against it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keeps one CPU busy in user mode until this thread has used `time` of it.
pub fn burn_cpu(time: Duration) {
    let start = thread_cpu_time();
    while thread_cpu_time() - start < time {
        // Not `spin_loop`: a host may take away the CPU of a guest that says that it spins.
        for number in 0..100_000 {
            std::hint::black_box(number);
        }
    }
}

fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Writes `size_bytes` into `path` and waits until they are on the disk.
pub fn write_file(path: &Path, size_bytes: usize) {
    let mut file = File::create(path).expect("the file can be made");
    let bytes: Vec<u8> =
        (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut left = size_bytes;
    while left > 0 {
        let now = left.min(bytes.len());
        file.write_all(&bytes[..now]).expect("the file can be written");
        left -= now;
    }
    file.sync_all().expect("the file can be synced");
}

/// Sends `size_bytes` through a TCP connection over loopback.
pub fn loopback(size_bytes: usize) {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
    let address = listener.local_addr().expect("a listener has an address");
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("loopback can be connected to");
        stream.write_all(&vec![7; size_bytes]).expect("loopback takes what is sent");
    });
    let (mut stream, _) = listener.accept().expect("the connection comes");
    let mut got = Vec::with_capacity(size_bytes);
    stream.read_to_end(&mut got).expect("what was sent can be read");
    sender.join().expect("the sender ends");
    assert_eq!(got.len(), size_bytes, "loopback lost bytes");
}

/// Whose loops may run.
static LOOPING: Mutex<()> = Mutex::new(());

/// Busy loops on one CPU that take no time away from anybody else; ended when this is dropped.
pub struct Loops(Vec<Child>);

impl Loops {
    /// Held by a test as long as it looks at how many tasks run: the loops of others are what it would
    /// find.
    pub fn alone() -> MutexGuard<'static, ()> {
        LOOPING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts so many.
    ///
    /// # Panics
    /// When util-linux is not there.
    pub fn start(count: usize) -> Loops {
        let start = |_| {
            let mut one = Command::new("chrt");
            one.args(["-i", "0", "taskset", "-c", "0", "sh", "-c", "while :; do :; done"]);
            one.stdin(Stdio::null()).spawn().expect("chrt and taskset of util-linux are there")
        };
        Loops((0..count).map(start).collect())
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|child| _ = child.kill());
        self.0.iter_mut().for_each(|child| _ = child.wait());
    }
}
