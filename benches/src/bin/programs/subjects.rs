//! The operations that are measured, each with the features that see it.

use rustix::process::{Signal, getpid, getppid, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileExt;

/// What is done again and again.
pub type Operation = Box<dyn FnMut() -> io::Result<()>>;

/// An operation and who sees it.
pub struct Subject {
    /// What it is.
    pub name: &'static str,
    /// The features, and what they may add, ns: what the same hook took when it was tried by itself.
    pub features: &'static [(&'static str, Option<u32>)],
    /// Makes what it needs.
    pub prepare: fn() -> Result<Operation, Box<dyn Error>>,
}

/// All of them.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        name: "a system call (getppid)",
        features: &[
            ("syscall", Some(77)),
            ("syscall_latency", Some(289)),
            ("slow_syscall", Some(289)),
            ("file_open", None),
            ("mount", None),
        ],
        prepare: || {
            Ok(Box::new(|| {
                let _ = getppid();
                Ok(())
            }))
        },
    },
    Subject {
        name: "a datagram over loopback, sent and received",
        features: &[("net_traffic", Some(261)), ("softirq_latency", None), ("syn_backlog", None)],
        prepare: datagram,
    },
    Subject {
        name: "a segment over loopback and one back",
        features: &[("net_traffic", Some(2 * 261)), ("tcp_rtt", None), ("tcp_connection", None)],
        prepare: segments,
    },
    Subject {
        name: "a byte to another thread on the same CPU and one back: two wake-ups, two switches",
        features: &[("scheduler", Some(2 * 530))],
        prepare: turn,
    },
    Subject {
        name: "a signal to itself: a row through the ring",
        features: &[("signal", Some(101))],
        prepare: || Ok(Box::new(|| Ok(kill_process(getpid(), Signal::CONT)?))),
    },
    Subject {
        name: "a file opened and closed: a row through the ring",
        features: &[("file_open", None)],
        prepare: || Ok(Box::new(|| File::open("/proc/version").map(drop))),
    },
    Subject {
        name: "a page read out of the page cache",
        features: &[("page_cache", None)],
        prepare: page,
    },
];

fn datagram() -> Result<Operation, Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    let mut into = [0; 64];
    Ok(Box::new(move || {
        socket.send(&[7; 64])?;
        socket.recv(&mut into).map(drop)
    }))
}

fn segments() -> Result<Operation, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    let (mut there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    let mut into = [0; 64];
    Ok(Box::new(move || {
        here.write_all(&[7; 64])?;
        there.read_exact(&mut into)?;
        there.write_all(&[7; 64])?;
        here.read_exact(&mut into)
    }))
}

/// Both threads stay on the first CPU. The other one ends with its pipe.
fn turn() -> Result<Operation, Box<dyn Error>> {
    let (mut reader, mut writer) = io::pipe()?;
    let (mut back_reader, mut back_writer) = io::pipe()?;
    std::thread::spawn(move || {
        stay()?;
        let mut byte = [0];
        while reader.read(&mut byte)? == 1 {
            back_writer.write_all(&byte)?;
        }
        Ok::<(), io::Error>(())
    });
    stay()?;
    Ok(Box::new(move || {
        writer.write_all(&[1])?;
        back_reader.read_exact(&mut [0])
    }))
}

fn stay() -> io::Result<()> {
    let mut first = CpuSet::new();
    first.set(0);
    Ok(sched_setaffinity(None, &first)?)
}

fn page() -> Result<Operation, Box<dyn Error>> {
    let file = File::open(std::env::current_exe()?)?;
    let mut into = vec![0; 4096];
    Ok(Box::new(move || file.read_exact_at(&mut into, 0)))
}
