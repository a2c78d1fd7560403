//! How a recording is written.

use super::WriteError;

/// The smallest ring: a segment of redb takes some pages before it holds anything, and the ring
/// must hold several.
pub const LEAST_RING_BYTES: u64 = 4 << 20;

/// A segment is full at this size, or at a sixteenth of the ring.
const SEGMENT_BYTES: u64 = 64 << 20;

/// How to write a recording.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The most that `du` of the directory may ever say, tiers included.
    pub ring_size_bytes: u64,
    /// Rollup tiers, finest first.
    pub tiers: Vec<TierOptions>,
    /// A segment is closed at this size, bytes; sooner in a small ring.
    pub segment_size_bytes: u64,
    /// Name of the host.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Version of the recorder.
    pub recorder_version: String,
}

/// A rollup tier.
#[derive(Clone, Copy, Debug)]
pub struct TierOptions {
    /// What each row covers, ns.
    pub step_ns: u64,
    /// Its share of the ring, bytes.
    pub size_bytes: u64,
}

impl WriterOptions {
    /// Options for this machine: its name, its boot, and rings of the given size.
    pub fn new(ring_size_bytes: u64) -> WriterOptions {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        WriterOptions {
            ring_size_bytes,
            tiers: TierOptions::defaults(ring_size_bytes),
            segment_size_bytes: SEGMENT_BYTES,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot_id: boot_id.unwrap_or_default().trim().to_owned(),
            recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// What is left of the ring for rows as the sources sent them.
    pub fn raw_size_bytes(&self) -> u64 {
        let tiers: u64 = self.tiers.iter().map(|tier| tier.size_bytes).sum();
        self.ring_size_bytes.saturating_sub(tiers)
    }

    /// Whether a recording can be kept under these options.
    ///
    /// # Errors
    /// [`WriteError::TooSmall`], [`WriteError::TierTwice`].
    pub fn check(&self) -> Result<(), WriteError> {
        let mut steps: Vec<u64> = self.tiers.iter().map(|tier| tier.step_ns).collect();
        steps.sort_unstable();
        if let Some(twice) = steps.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(WriteError::TierTwice { step_ns: twice[0] });
        }
        let tiers = self.tiers.iter().map(|tier| tier.size_bytes);
        match tiers.chain([self.raw_size_bytes()]).min() {
            Some(least) if least < LEAST_RING_BYTES => {
                Err(WriteError::TooSmall { size_bytes: least, least_bytes: LEAST_RING_BYTES })
            }
            _ => Ok(()),
        }
    }
}

/// Rings smaller than this have no tiers by default: they hold too little for it to be missed.
const LEAST_RING_WITH_TIERS_BYTES: u64 = 128 << 20;

impl TierOptions {
    /// One second in an eighth of the ring, one minute in a sixteenth: at the same bytes a value,
    /// the minutes then reach back 30 times as far as the seconds.
    pub fn defaults(ring_size_bytes: u64) -> Vec<TierOptions> {
        if ring_size_bytes < LEAST_RING_WITH_TIERS_BYTES {
            return Vec::new();
        }
        vec![
            TierOptions { step_ns: 1_000_000_000, size_bytes: ring_size_bytes / 8 },
            TierOptions { step_ns: 60_000_000_000, size_bytes: ring_size_bytes / 16 },
        ]
    }
}

/// The size at which a segment of a ring of this size is closed, if it may be this large.
pub fn segment_size_bytes(ring_size_bytes: u64, most_bytes: u64) -> u64 {
    (ring_size_bytes / 16).min(most_bytes)
}
