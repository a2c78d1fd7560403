//! The load: 100,000 datagrams a second over loopback and 200,000 system calls a second, paced.

use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Datagrams a second.
pub const PACKETS: u32 = 100_000;
/// System calls a second; sending and receiving a datagram are two.
pub const CALLS: u32 = 200_000;
/// It is paced this often.
const TURN: Duration = Duration::from_millis(1);

/// The load as a process; ended when this is dropped.
pub struct Load(Child);

impl Load {
    /// Starts it.
    pub fn start() -> Result<Load, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("be-the-load").stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Load(command.spawn()?))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// Is the load, for ever.
pub fn run() -> Result<(), Box<dyn Error>> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.connect(receiver.local_addr()?)?;
    let packets_a_turn = PACKETS / (1_000_000 / TURN.as_micros() as u32);
    let calls_a_turn = CALLS / (1_000_000 / TURN.as_micros() as u32);
    let (bytes, mut into) = ([7; 64], [0; 64]);
    let begun = Instant::now();
    for turn in 1.. {
        for _ in 0..packets_a_turn {
            sender.send(&bytes)?;
            receiver.recv(&mut into)?;
        }
        for _ in 2 * packets_a_turn..calls_a_turn {
            let _ = rustix::process::getppid();
        }
        let due = TURN * turn;
        if let Some(left) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
    }
    Ok(())
}
