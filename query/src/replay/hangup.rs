//! A terminal that goes away.
//!
//! When a terminal is closed (a window, tmux, a connection), reads from it yield nothing and come
//! back at once, for ever, and what waits for keys would spin. So a thread of its own waits for
//! nothing but that, and ends the process.

use crate::interrupt::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::time::Duration;

/// How often it looks whether a signal came, as well.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// So long has the replay to end by itself after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// As a shell tells of a process that SIGHUP ended.
const HUNG_UP: i32 = 129;

/// Ends the process when standard input, a terminal, goes away, and when a signal asks to stop and
/// the replay does not.
///
/// # Errors
/// When there cannot be another thread.
pub fn watch(interrupt: Interrupt) -> io::Result<()> {
    let wait = move || {
        while !is_gone() {
            if interrupt.is_asked() {
                std::thread::sleep(GRACE);
                break;
            }
        }
        // Of a terminal that is still there. The answer does not matter any more.
        let _ = ratatui::try_restore();
        std::process::exit(HUNG_UP)
    };
    std::thread::Builder::new().name("hangup".into()).spawn(wait).map(drop)
}

/// Waits a little, and says whether the terminal is gone.
fn is_gone() -> bool {
    let input = io::stdin();
    let mut fds = [PollFd::new(&input, PollFlags::empty())];
    match poll(&mut fds, Some(&LOOK)) {
        Ok(_) => {
            let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
            fds[0].revents().intersects(gone)
        }
        Err(Errno::INTR) => false,
        Err(_) => true,
    }
}
