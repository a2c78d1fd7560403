//! Pins: spans of a recording that its ring does not overwrite.
//!
//! A pin is a small file in the directory `pinned` of the recording. The recorder, which listens on
//! nothing, finds it there and keeps the segments that touch its span: as hard links beside it, so
//! that they stay when the ring deletes its own names of them.

mod document;
mod files;

pub use files::{Listed, PinError, directory, drop_pin, list, remove, write};

use crate::clock::{ClockOffset, boottime_ns};
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// The directory of pins, in that of the recording.
pub const DIRECTORY: &str = "pinned";
/// The longest name, bytes.
pub const MOST_NAME_BYTES: usize = 64;
/// The longest text, bytes.
pub const MOST_TEXT_BYTES: usize = 4096;
/// So many pins that somebody asked for are in a recording at most.
pub const MOST_PINS: usize = 1000;
/// And so many that nobody did; a further one takes the place of the oldest.
pub const MOST_AUTOMATIC: usize = 100;

/// A span of a recording that somebody wants to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What it is called: letters, digits and `-_.:@+`. Several may have one name.
    pub name: String,
    /// Whatever else there is to say.
    pub text: String,
    /// Who pinned it.
    pub user: u32,
    /// Whether a trigger did, and nobody asked for it: where room is needed it goes first.
    pub is_automatic: bool,
    /// When it was pinned, `CLOCK_BOOTTIME` ns.
    pub made_ns: u64,
    /// Start of the span, `CLOCK_BOOTTIME` ns; below zero it is before the boot.
    pub from_ns: i64,
    /// End of the span, `CLOCK_BOOTTIME` ns.
    pub to_ns: i64,
    /// The boot that these count from.
    pub boot_id: String,
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` when it was pinned, ns: what other boots are compared by.
    pub offset_ns: i64,
}

impl Pin {
    /// A pin of a span of `CLOCK_BOOTTIME` ns of this boot, which begins below zero where it begins
    /// before the boot; made now, by this user.
    ///
    /// # Errors
    /// [`PinError::Text`] when the name or the text cannot be one, or the span ends before it starts.
    pub fn new(name: &str, text: &str, span_ns: (i64, i64)) -> Result<Pin, PinError> {
        let clock = ClockOffset::now();
        let pin = Pin {
            name: name.to_owned(),
            text: text.to_owned(),
            user: rustix::process::getuid().as_raw(),
            is_automatic: false,
            made_ns: clock.from_ns,
            from_ns: span_ns.0,
            to_ns: span_ns.1,
            boot_id: boot_id(),
            offset_ns: clock.offset_ns,
        };
        pin.check().map(|()| pin)
    }

    /// A pin of the time from `before` up to `after` from now.
    ///
    /// # Errors
    /// As [`Pin::new`].
    pub fn around_now(
        name: &str,
        text: &str,
        before: Duration,
        after: Duration,
    ) -> Result<Pin, PinError> {
        let now_ns = i64::try_from(boottime_ns()).unwrap_or(i64::MAX);
        let ns = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        Pin::new(name, text, (now_ns.saturating_sub(ns(before)), now_ns.saturating_add(ns(after))))
    }

    /// A name for a pin of now that nobody named.
    pub fn name_of_now() -> String {
        Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Whether it is one as it should be.
    fn check(&self) -> Result<(), PinError> {
        let told = |what: String| Err(PinError::Text(what));
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@+".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(is_allowed) {
            return told(format!(
                "{:?} cannot be the name of a pin: it takes letters, digits and - _ . : @ +",
                self.name
            ));
        }
        if self.name.len() > MOST_NAME_BYTES {
            return told(format!("the name has more than {MOST_NAME_BYTES} bytes"));
        }
        if self.text.len() > MOST_TEXT_BYTES {
            return told(format!("the text has more than {MOST_TEXT_BYTES} bytes"));
        }
        if self.from_ns >= self.to_ns {
            return told("the span of the pin ends before it starts".into());
        }
        Ok(())
    }

    /// Start and end by the wall clock as it was when this was pinned, ns since the epoch.
    pub fn wall_span(&self) -> (i64, i64) {
        let wall = |at_ns: i64| at_ns.saturating_add(self.offset_ns);
        (wall(self.from_ns), wall(self.to_ns))
    }

    /// When it was pinned, by that clock.
    pub fn made_at(&self) -> i64 {
        self.offset_ns.saturating_add_unsigned(self.made_ns)
    }

    /// Its span in the times of something recorded: in those of the boot where it is the same one,
    /// else by the wall clock.
    fn span_for(&self, other: &Extent<'_>) -> (i64, i64) {
        if self.boot_id == other.boot_id {
            return (self.from_ns, self.to_ns);
        }
        let (from, to) = self.wall_span();
        (from.saturating_sub(other.offset_ns), to.saturating_sub(other.offset_ns))
    }

    /// Whether something recorded lies in the span, at least with a part.
    pub fn touches(&self, other: &Extent<'_>) -> bool {
        let (from_ns, to_ns) = self.span_for(other);
        signed(other.first_ns) < to_ns && signed(other.last_ns) >= from_ns
    }

    /// Whether something recorded lies before the span as a whole, and so does all that was recorded
    /// before it. Of another boot nobody knows that: the wall clock may have been set between them.
    pub fn is_behind(&self, other: &Extent<'_>) -> bool {
        self.boot_id == other.boot_id && signed(other.last_ns) < self.from_ns
    }

    /// Whether something recorded begins behind the start of the span.
    pub fn starts_before(&self, other: &Extent<'_>) -> bool {
        self.span_for(other).0 < signed(other.first_ns)
    }
}

impl fmt::Display for Pin {
    /// Its name and its span, in UTC.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.wall_span();
        let show = |at: i64| match Timestamp::from_nanosecond(at.into()) {
            Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Err(_) => "?".to_owned(),
        };
        write!(out, "{}: {} .. {}", self.name, show(from), show(to))
    }
}

/// The time that something recorded covers.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Its boot.
    pub boot_id: &'a str,
    /// Its first time, `CLOCK_BOOTTIME` ns.
    pub first_ns: u64,
    /// Its last.
    pub last_ns: u64,
    /// What the wall clock was ahead of these, ns.
    pub offset_ns: i64,
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Extent, Pin};
    use std::time::Duration;

    #[test]
    fn a_pin_touches_its_own_boot_by_its_clock_and_others_by_the_wall_clock() {
        let pin = Pin::new("x", "", (100, 200)).unwrap();
        let pin = Pin { offset_ns: 10_000, ..pin };
        let own = |first_ns, last_ns| Extent {
            boot_id: &pin.boot_id,
            first_ns,
            last_ns,
            // Whatever the wall clock was.
            offset_ns: -77,
        };
        assert!(pin.touches(&own(0, 100)) && pin.touches(&own(199, 300)));
        assert!(!pin.touches(&own(0, 99)) && !pin.touches(&own(200, 300)));
        assert!(pin.is_behind(&own(0, 99)) && !pin.is_behind(&own(0, 100)));
        let other =
            |first_ns, last_ns| Extent { boot_id: "another", first_ns, last_ns, offset_ns: 9_000 };
        assert!(pin.touches(&other(0, 1_100)) && !pin.touches(&other(0, 1_099)));
        assert!(pin.touches(&other(1_199, 9_000)) && !pin.touches(&other(1_200, 9_000)));
    }

    #[test]
    fn a_span_may_begin_before_the_boot_and_end_in_the_future_and_not_the_other_way_round() {
        let year = Duration::from_secs(366 * 86_400);
        let pin = Pin::around_now("long", "", year, year).unwrap();
        assert!(pin.from_ns < 0 && pin.to_ns > 0);
        assert!(Pin::new("x", "", (5, 5)).is_err());
        for name in ["", "a/b", "a b", "\u{1b}[31m", "é", &"x".repeat(65)] {
            assert!(Pin::new(name, "", (0, 1)).is_err(), "{name:?} was taken for a name");
        }
        assert!(Pin::new("deploy-1.2_a:b@c+d", &"x".repeat(4096), (0, 1)).is_ok());
        assert!(Pin::new("x", &"x".repeat(4097), (0, 1)).is_err());
        let named = Pin::new(&Pin::name_of_now(), "", (0, 1));
        assert!(named.is_ok(), "{named:?}");
    }
}
