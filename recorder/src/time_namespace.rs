//! Time namespaces (time_namespaces(7)): in one of them `CLOCK_BOOTTIME` is not the kernel's.
//!
//! What programs in the kernel and the ring of the 1 ms sampler stamp is the kernel's own clock,
//! and what is read from /proc carries the namespace's. Rows of one moment would lie apart by the
//! offset, days perhaps, so a recorder does not run there.

use std::time::Duration;

/// Where the kernel tells the offsets (Linux 5.5; a kernel without time namespaces has no such
/// file).
const OFFSETS: &str = "/proc/self/timens_offsets";

/// The clocks of this process are not those of the kernel.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this process is in a time namespace whose clock is {} {} the kernel's, so rows from programs in \
     the kernel and rows from /proc would not lie side by side; run the recorder outside of it, for \
     example with nsenter -T -t 1",
    seconds(offset_ns),
    if *offset_ns < 0 { "behind" } else { "ahead of" }
)]
pub struct OtherClock {
    /// How far `CLOCK_BOOTTIME` is ahead here, ns.
    pub offset_ns: i128,
}

fn seconds(offset_ns: &i128) -> String {
    let ns = u64::try_from(offset_ns.unsigned_abs()).unwrap_or(u64::MAX);
    nodemon_formats::units::exact_duration(Duration::from_nanos(ns))
}

/// Whether the clocks of this process are the kernel's.
///
/// # Errors
/// [`OtherClock`].
pub fn check() -> Result<(), OtherClock> {
    let text = std::fs::read_to_string(OFFSETS).unwrap_or_default();
    match offset_ns(&text) {
        Some(offset_ns) if offset_ns != 0 => Err(OtherClock { offset_ns }),
        _ => Ok(()),
    }
}

/// The offset of `CLOCK_BOOTTIME`: a line has a clock, seconds and nanoseconds.
fn offset_ns(text: &str) -> Option<i128> {
    let line = text.lines().find(|line| line.starts_with("boottime"))?;
    let mut numbers = line.split_ascii_whitespace().skip(1).map(str::parse::<i64>);
    let (seconds, ns) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(ns))
}

#[cfg(test)]
mod tests {
    use super::{OtherClock, offset_ns};

    #[test]
    fn the_offset_of_the_boot_clock_is_read_and_told() {
        let text = "monotonic        1000         5\nboottime      -86400 500000000\n";
        assert_eq!(offset_ns(text), Some(-86_399_500_000_000));
        assert_eq!(offset_ns("monotonic           0         0\n"), None);
        assert_eq!(offset_ns(""), None, "a kernel without time namespaces");
        let told = OtherClock { offset_ns: 1_000_000_000_000_000 }.to_string();
        assert!(told.contains("ahead of the kernel's"), "{told}");
    }
}
