//! Where links to interfaces are kept, so that nobody waits when they end.
//!
//! The kernel takes a program off an interface within the call that closes its link, and each one
//! waits until no CPU is in it: 10 ms, or 6 s with 300 interfaces, in which the process cannot end,
//! not even when it is killed. A link that ends with its file in a bpf file system is taken off by a
//! thread of the kernel. So links are files in such a file system, which is mounted nowhere: it is
//! there as long as this descriptor of it is, and so ends with the process, whatever ends it.

use crate::sys;
use aya::programs::links::FdLink;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// A bpf file system that is mounted nowhere.
pub struct Store(OwnedFd);

/// The files of links, by the number of the interface and the direction.
pub type Name = (u32, usize);

impl Store {
    /// Makes one.
    ///
    /// # Errors
    /// When the kernel does not let this process (`CAP_SYS_ADMIN`), or cannot (before 5.2).
    pub fn new() -> io::Result<Store> {
        Ok(Store(sys::mount_nowhere(c"bpf")?))
    }

    /// Keeps a link, whose descriptor is closed.
    ///
    /// # Errors
    /// The kernel's; then the link is off.
    pub fn keep(&self, name: Name, link: FdLink) -> io::Result<()> {
        // One of this number that is gone, and was not looked for since.
        self.remove(name);
        let (index, direction) = name;
        let path = format!("/proc/self/fd/{}/{index}-{direction}", self.0.as_raw_fd());
        link.pin(path).map(drop).map_err(io::Error::other)
    }

    /// Lets a link go, if there is one.
    pub fn remove(&self, (index, direction): Name) {
        let _ = rustix::fs::unlinkat(
            &self.0,
            format!("{index}-{direction}"),
            rustix::fs::AtFlags::empty(),
        );
    }
}
