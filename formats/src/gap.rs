//! Gaps: time for which a source has no data, and why. A gap is recorded, shown by every query,
//! and counted.

use rkyv::{Archive, Deserialize, Serialize};

/// The detail of the gap before the first sample of a run: what samples takes a while to start.
pub const STARTING: &str = "sampler was starting";

/// What [`STARTING`] was called once.
const STARTING_ONCE: &str = "what samples was being started";

/// The detail of gaps that were too many to tell one by one.
pub const SCATTERED: &str = "scattered, with samples in between";

/// Why there is no data.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The recorder was not running (or was killed) between two runs in the same boot.
    NotRunning,
    /// The machine was down, or went through a reboot.
    Rebooted,
    /// The writer's mailbox or the buffer pool was full: the record was dropped.
    QueueFull,
    /// The source returned an error, or its supervisor was waiting to start it again.
    SourceFailed,
    /// Sampling deadlines were missed: what samples woke late, or was starting.
    Late,
    /// The disk was full, read-only or failing.
    Disk,
    /// The producer of a ring was overrun, torn or vanished.
    Overrun,
    /// The machine was suspended.
    Suspended,
    /// More events came than their budget allows, and the rest was suppressed at the origin.
    Budget,
    /// What was stored is damaged and cannot be read back.
    Damaged,
    /// The writer broke down over something that it held, and was started anew.
    WriterFailed,
    /// The ring has overwritten it, and kept what is pinned before it. No segment has such a gap:
    /// readers find it.
    Overwritten,
}

impl GapCause {
    /// Whether a gap of this cause with this detail is the time in which what samples was starting.
    pub fn is_of_start(self, detail: &str) -> bool {
        self == GapCause::Late && (detail == STARTING || detail == STARTING_ONCE)
    }

    /// The cause as a short phrase.
    pub fn phrase(self) -> &'static str {
        match self {
            GapCause::NotRunning => "recorder not running",
            GapCause::Rebooted => "machine rebooted",
            GapCause::QueueFull => "write buffer full",
            GapCause::SourceFailed => "source failed",
            GapCause::Late => "sampling deadlines missed",
            GapCause::Disk => "disk full or failing",
            GapCause::Overrun => "ring overrun",
            GapCause::Suspended => "machine suspended",
            GapCause::Budget => "rate limit (events_per_s) reached",
            GapCause::Damaged => "stored data damaged",
            GapCause::WriterFailed => "writer failed",
            GapCause::Overwritten => "overwritten by the ring",
        }
    }
}

/// A span without data.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The table that has no data; empty when it is every table.
    pub table: String,
    /// Why.
    pub cause: GapCause,
    /// Start, `CLOCK_BOOTTIME` ns.
    pub from_ns: u64,
    /// End, `CLOCK_BOOTTIME` ns.
    pub to_ns: u64,
    /// Samples or events that were taken or due and are not stored; 0 when that cannot be known.
    pub lost: u64,
    /// What happened, in words, where there is more to say than the cause: the error of the disk.
    pub detail: String,
}

impl Gap {
    /// What tells gaps of one cause apart. Between samples that came late one after the other there
    /// may be one in time, now and then, which the detail says and which makes no other gap.
    pub fn kind(&self) -> &str {
        if self.cause == GapCause::Late && !self.is_of_start() { "" } else { &self.detail }
    }

    /// Whether it is the time in which what samples was starting. Its samples were never taken: they
    /// are counted, and are not told as lost.
    pub fn is_of_start(&self) -> bool {
        self.cause.is_of_start(&self.detail)
    }
}
