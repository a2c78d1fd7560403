//! Network namespaces of threads: what happens in one is seen by nobody else, and all of it is gone
//! when the thread ends.

use nodemon_skip::skip;
use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};
use std::net::UdpSocket;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a namespace of its own, which does one thing after the other.
pub struct Namespace {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// The number of the thread, by which its namespace is known.
    pub thread_id: i32,
}

impl Namespace {
    /// A new one, whose loopback interface is up; `None` where that is not permitted, which is
    /// told.
    pub fn new() -> Option<Namespace> {
        let (jobs, to_do) = channel::<Job>();
        let (ready, is_ready) = channel();
        let thread = thread::spawn(move || {
            // SAFETY: a network namespace is no state that other code of this process relies on,
            // and this thread is new.
            let done = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
            ready.send(done.map(|()| gettid().as_raw_nonzero().get())).unwrap();
            if done.is_ok() {
                to_do.into_iter().for_each(|job| job());
            }
        });
        match is_ready.recv().unwrap() {
            Ok(thread_id) => {
                let namespace = Namespace { jobs: Some(jobs), thread: Some(thread), thread_id };
                namespace.ip("link set lo up");
                Some(namespace)
            }
            Err(error) => {
                skip!("no network namespace: {error}");
                None
            }
        }
    }

    /// Does something there and waits for it.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        let job = Box::new(move || done.send(job()).unwrap());
        self.jobs.as_ref().unwrap().send(job).unwrap();
        result.recv().expect("what was done in the namespace has failed")
    }

    /// Its number, as rows have it.
    pub fn number(&self) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/task/{}/ns/net", self.thread_id));
        let text = link.unwrap().display().to_string();
        text.trim_start_matches("net:[").trim_end_matches(']').parse().unwrap()
    }

    /// Runs `ip` there.
    pub fn ip(&self, arguments: &str) {
        let arguments = arguments.to_owned();
        self.run(move || ip(&arguments));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `ip` in the namespace of this thread.
pub fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Two namespaces, `near` (10.77.0.1, fd77::1) and `far` (10.77.0.2, fd77::2) at the ends of a wire.
pub fn two() -> Option<(Namespace, Namespace)> {
    let (near, far) = (Namespace::new()?, Namespace::new()?);
    near.ip(&format!("link add near type veth peer name far netns {}", far.thread_id));
    for (namespace, name, number) in [(&near, "near", 1), (&far, "far", 2)] {
        namespace.ip(&format!("addr add 10.77.0.{number}/24 dev {name}"));
        namespace.ip(&format!("addr add fd77::{number}/64 dev {name} nodad"));
        namespace.ip(&format!("link set {name} up"));
    }
    for (from, to) in [("10.77.0.1", "10.77.0.2"), ("fd77::1", "fd77::2")] {
        wait_until_they_hear_each_other(&near, from, &far, to);
    }
    Some((near, far))
}

/// Not that of a test: what another test starts meanwhile has the socket, too, until it runs its
/// program, and so long the port is taken.
const KNOCKING_PORT: u16 = 7776;

/// Neighbours have to be found, and wires to be ready, before all that is sent arrives.
fn wait_until_they_hear_each_other(
    near: &Namespace,
    from: &'static str,
    far: &Namespace,
    to: &'static str,
) {
    let socket = far.run(move || UdpSocket::bind((to, KNOCKING_PORT)).unwrap());
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let sender = near.run(move || UdpSocket::bind((from, 0)).unwrap());
    let heard = (0..200).any(|_| {
        let is_sent = sender.send_to(&[0], (to, KNOCKING_PORT)).is_ok();
        is_sent && socket.recv(&mut [0]).is_ok()
    });
    assert!(heard, "{from} does not reach {to}");
}
