//! A FUSE file system that hangs, and a process that it locks up.
//!
//! One file, `f`, of a page, whose bytes can be read and are never written: a write is not answered.
//! The daemon is a process of its own, so that it can be stopped like any other; then nothing is
//! answered. Both are this test program, started again ([`play_role`]).

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROLE: &str = "NODEMON_HANG_ROLE";
const PLACE: &str = "NODEMON_HANG_PLACE";
const PAGE_BYTES: usize = 4096;

/// Why there can be no FUSE file system here, when that is so.
pub fn why_no_fuse() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may mount".into());
    }
    let opened = File::options().read(true).write(true).open("/dev/fuse");
    opened.err().map(|why| format!("/dev/fuse cannot be opened: {why}"))
}

/// A mounted file system. Its daemon is killed and it is unmounted when this is dropped.
#[derive(Debug)]
pub struct Fuse {
    daemon: Child,
    point: PathBuf,
}

/// A process that holds the lock of its memory until the file system that it waits for is gone.
#[derive(Debug)]
pub struct Locked {
    process: Child,
}

impl Fuse {
    /// Mounts one at `point`. `role` is the test that calls [`play_role`].
    pub fn mount(point: &Path, role: &str) -> Fuse {
        std::fs::create_dir_all(point).expect("the mount point can be made");
        Fuse { daemon: start(role, "daemon", point), point: point.to_owned() }
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Stops its daemon: nothing is answered from now on.
    pub fn stop(&self) {
        signal(&self.daemon, Signal::STOP);
    }

    /// Kills its daemon: everything that waited is told so.
    pub fn kill(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.kill();
        let _ = Command::new("umount").arg("--lazy").arg(&self.point).status();
    }
}

impl Locked {
    /// Starts one that waits for `file_system`, which must be answering still.
    pub fn start(file_system: &Fuse, role: &str) -> Locked {
        let locked = Locked { process: start(role, "locked", file_system.point()) };
        let pid = locked.pid();
        let (sender, read) = std::sync::mpsc::channel();
        // It hangs as long as the process does.
        std::thread::spawn(move || sender.send(std::fs::read(format!("/proc/{pid}/cmdline"))));
        let read = read.recv_timeout(Duration::from_millis(300));
        assert!(read.is_err(), "the command line of {pid} can be read: its memory is not locked");
        locked
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it is called.
    pub fn command(&self) -> String {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.pid()));
        name.expect("a name takes no lock").trim_end().to_owned()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.process.kill();
        // It ends when its file system is gone, which may be dropped after it.
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a child has a pid"), signal).expect("a child can be signalled");
}

/// Starts this program once more in a part of the play, and waits until it says that it is ready.
fn start(test: &str, role: &str, place: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("a test knows its own path"))
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(PLACE, place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let is_ready = lines.map_while(Result::ok).any(|line| line.contains("ready"));
    assert!(is_ready, "the {role} at {} ended before it was ready", place.display());
    child
}

/// Plays the part that this process was started for, and does not come back from it.
pub fn play_role() {
    let (Ok(role), Some(place)) = (std::env::var(ROLE), std::env::var_os(PLACE)) else { return };
    match role.as_str() {
        "daemon" => serve(Path::new(&place)),
        "locked" => lock_memory(&Path::new(&place).join("f")),
        other => panic!("there is no part {other}"),
    }
}

/// Touches a page that is being written, which waits for the daemon, and unmaps it meanwhile, which
/// waits for that with the lock of the memory. The first thread of the process only sleeps.
fn lock_memory(path: &Path) {
    let file = File::options().read(true).write(true).open(path).expect("the file opens");
    let both = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping of a page, at an address that the kernel chooses.
    let page = unsafe { mmap(std::ptr::null_mut(), PAGE_BYTES, both, MapFlags::SHARED, &file, 0) };
    let page = page.expect("the file can be mapped").cast::<u8>() as usize;
    // SAFETY: the page is mapped, writable, and known to this thread alone.
    unsafe { (page as *mut u8).write_volatile(1) };
    waiting_thread(move || drop(file.sync_data()));
    // SAFETY: the page is mapped for as long as this waits, since unmapping it waits for this.
    waiting_thread(move || unsafe { (page as *mut u8).add(1).write_volatile(2) });
    // SAFETY: nobody uses the page after this.
    waiting_thread(move || {
        let _ = unsafe { munmap(page as *mut _, PAGE_BYTES) };
    });
    println!("ready");
    loop {
        std::thread::park();
    }
}

/// Starts a thread and comes back when it sleeps in the kernel.
fn waiting_thread(wait: impl FnOnce() + Send + 'static) {
    let (sender, number) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(rustix::thread::gettid());
        wait();
    });
    let number = number.recv().expect("it says who it is");
    let stat = format!("/proc/self/task/{}/stat", number.as_raw_nonzero());
    let start = Instant::now();
    let is_asleep =
        |text: String| text.rsplit(')').next().is_some_and(|rest| !rest.starts_with(" R"));
    let mut asleep = 0;
    while asleep < 20 {
        let text = std::fs::read_to_string(&stat).expect("the thread is there");
        asleep = if is_asleep(text) { asleep + 1 } else { 0 };
        assert!(start.elapsed() < Duration::from_secs(10), "a thread does not wait");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Mounts the file system at `point` and answers until it is unmounted.
fn serve(point: &Path) {
    let device = rustix::fs::open("/dev/fuse", OFlags::RDWR, Mode::empty());
    let device = device.expect("/dev/fuse opens");
    fcntl_setfd(&device, FdFlags::empty()).expect("it can be inherited");
    let fd = device.as_raw_fd();
    let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
    let mut mount = Command::new("mount");
    mount.args(["-i", "-t", "fuse", "-o", &options, "stall"]).arg(point);
    let mounted = mount.stdin(Stdio::null()).status().expect("mount(8) can be run");
    assert!(mounted.success(), "FUSE cannot be mounted: {mounted}");
    println!("ready");
    let mut request = vec![0; 1 << 17];
    loop {
        match rustix::io::read(&device, &mut request) {
            Ok(length) => answer(&device, &request[..length]),
            Err(Errno::NODEV) => return,
            Err(_) => {}
        }
    }
}

/// Answers one request (`include/uapi/linux/fuse.h`).
fn answer(device: &OwnedFd, request: &[u8]) {
    const NO_ENTRY: i32 = 2;
    const NO_SUCH_CALL: i32 = 38;
    let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_ne_bytes(request[at..at + 8].try_into().expect("eight bytes"));
    let (operation, unique, node, body) = (word(4), long(8), long(16), &request[40..]);
    let told = match operation {
        // FORGET is not answered, and WRITE never is.
        2 | 16 => return,
        26 => {
            Ok(words(&[7, 31, 0, 0, 12 | 9 << 16, PAGE_BYTES as u32, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
        }
        1 if body.starts_with(b"f\0") => {
            Ok([words(&[2, 0, 1, 0, 3600, 0, 3600, 0, 0, 0]), attributes(2)].concat())
        }
        1 => Err(NO_ENTRY),
        3 => Ok([words(&[3600, 0, 0, 0]), attributes(node)].concat()),
        14 | 27 => Ok(words(&[1, 0, 0, 0])),
        15 => Ok(vec![0; word(40 + 16) as usize]),
        // STATFS: blocks, unused, available, inodes, unused, and their sizes.
        17 => Ok(words(&[
            1000, 0, 400, 0, 300, 0, 20, 0, 10, 0, 4096, 255, 4096, 0, 0, 0, 0, 0, 0, 0,
        ])),
        18 | 25 | 29 | 34 => Ok(Vec::new()),
        _ => Err(NO_SUCH_CALL),
    };
    let (error, data) = match told {
        Ok(data) => (0, data),
        Err(error) => (-error, Vec::new()),
    };
    let mut reply = words(&[16 + data.len() as u32, error.cast_unsigned()]);
    reply.extend(unique.to_ne_bytes());
    reply.extend(data);
    // Who asked may be gone.
    let _ = rustix::io::write(device, &reply);
}

/// `struct fuse_attr` of the root, which is node 1, or the file.
fn attributes(node: u64) -> Vec<u8> {
    let (mode, links) = if node == 1 { (0o040_755, 2) } else { (0o100_644, 1) };
    let mut bytes = words(&[node as u32, 0, PAGE_BYTES as u32, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(words(&[mode, links, 0, 0, 0, PAGE_BYTES as u32, 0]));
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
