//! Finds a producer and attaches to its ring.

use super::memory::Memory;
use super::reader::Ring;
use nodemon_formats::narrow::{count32_of, duration_ns};
use nodemon_recorder_ebpf::timer::{TimerOptions, TimerRing};
use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

/// Where the kernel module gives its ring.
pub const DEVICE: &str = "/dev/nodemon";
/// What is mapped to read how large a ring is.
const HEADER_BYTES: usize = 4096;
/// How much time the eBPF timer's ring holds.
const TIMER_SPAN: Duration = Duration::from_secs(1);
/// Slots of the eBPF timer's ring, at least and at most.
const TIMER_SLOTS: std::ops::RangeInclusive<u64> = 64..=65536;

/// A ring that is attached to, for as long as this lives.
pub struct Attached {
    /// The ring.
    pub ring: Ring,
    /// What it is called in messages.
    pub name: &'static str,
    _timer: Option<TimerRing>,
}

impl Attached {
    /// Attaches to the ring of the kernel module.
    ///
    /// # Errors
    /// A sentence that says what is missing, and what to do.
    pub fn to_module() -> Result<Attached, String> {
        let file = File::open(DEVICE).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("{DEVICE} does not exist; load the module with: modprobe nodemon")
            }
            std::io::ErrorKind::PermissionDenied => format!(
                "{DEVICE} may not be read by this user; join the group that owns it, or load the \
                 module with gid=GID"
            ),
            _ => format!("{DEVICE} cannot be opened: {error}"),
        })?;
        let map = |size_bytes| {
            Memory::map(file.as_fd(), size_bytes)
                .map_err(|error| format!("{DEVICE} cannot be mapped: {error}"))
        };
        let open = |memory| Ring::open(memory).map_err(|error| format!("{DEVICE}: {error}"));
        let size_bytes = Ring::size_bytes_of(&map(HEADER_BYTES)?);
        let size_bytes = size_bytes.map_err(|error| format!("{DEVICE}: {error}"))?;
        Ok(Attached { ring: open(map(size_bytes)?)?, name: DEVICE, _timer: None })
    }

    /// Starts an eBPF timer that samples every `interval_ns`, on `cpu` if one was chosen, and
    /// attaches to its ring.
    ///
    /// # Errors
    /// A sentence that says what is missing, and what to do.
    pub fn to_timer(interval_ns: u64, cpu: Option<u32>) -> Result<Attached, String> {
        let slots = duration_ns(TIMER_SPAN) / interval_ns.max(1);
        let slots = slots.clamp(*TIMER_SLOTS.start(), *TIMER_SLOTS.end()).next_power_of_two();
        let options = TimerOptions { interval_ns, slots: count32_of(slots), cpu };
        let timer = TimerRing::start(&options).map_err(|error| error.to_string())?;
        let memory = Memory::map(timer.map_fd(), timer.len_bytes())
            .map_err(|error| format!("its map cannot be mapped: {error}"))?;
        let ring = Ring::open(memory).map_err(|error| error.to_string())?;
        Ok(Attached { ring, name: "the eBPF timer", _timer: Some(timer) })
    }
}
