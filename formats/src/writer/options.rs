//! How a recording is written.

use super::WriteError;

/// The smallest ring: a segment of redb takes some pages before it holds anything, and the ring
/// must hold several.
pub const LEAST_RING_BYTES: u64 = 4 << 20;

/// A segment is full at this size, or at a sixteenth of the ring.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Pins may keep one in so many bytes of the ring by default, and never more than one in so many.
const PIN_PART: u64 = 10;
const MOST_PIN_PART: u64 = 2;

/// How to write a recording.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The most that `du` of the directory may ever say, fine rows and tiers included.
    pub ring_size_bytes: u64,
    /// The share of fine rows, those of tables that are sampled more often than once a second; 0 to
    /// keep them among the others.
    pub fine_size_bytes: u64,
    /// Rollup tiers, finest first.
    pub tiers: Vec<TierOptions>,
    /// The most that only pins may keep, bytes; what they keep is taken of all shares alike.
    pub pin_size_bytes: u64,
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
        WriterOptions::with_tiers(ring_size_bytes, TierOptions::defaults(ring_size_bytes))
    }

    /// The same with other tiers.
    pub fn with_tiers(ring_size_bytes: u64, tiers: Vec<TierOptions>) -> WriterOptions {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let rest_bytes = ring_size_bytes.saturating_sub(sum_bytes(&tiers));
        let is_split = ring_size_bytes >= LEAST_RING_WITH_FINE_BYTES;
        WriterOptions {
            ring_size_bytes,
            fine_size_bytes: if is_split { fine_share_bytes(rest_bytes) } else { 0 },
            tiers,
            pin_size_bytes: ring_size_bytes / PIN_PART,
            segment_size_bytes: SEGMENT_BYTES,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot_id: boot_id.unwrap_or_default().trim().to_owned(),
            recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// What only pins may keep: the rings need the rest to turn at all.
    pub fn pin_bytes(&self) -> u64 {
        self.pin_size_bytes.min(self.ring_size_bytes / MOST_PIN_PART)
    }

    /// What is left of the ring for rows as the sources sent them, without the fine ones.
    pub fn raw_size_bytes(&self) -> u64 {
        self.rest_bytes().saturating_sub(self.fine_size_bytes)
    }

    /// The same for a ring of another size. Tiers keep their shares; fine rows have the same part of
    /// the rest.
    #[must_use]
    pub fn resized(&self, ring_size_bytes: u64) -> WriterOptions {
        let mut resized = WriterOptions { ring_size_bytes, ..self.clone() };
        let pins = u128::from(ring_size_bytes) * u128::from(self.pin_size_bytes)
            / u128::from(self.ring_size_bytes.max(1));
        resized.pin_size_bytes = u64::try_from(pins).unwrap_or(u64::MAX);
        let part = u128::from(resized.rest_bytes()) * u128::from(self.fine_size_bytes)
            / u128::from(self.rest_bytes().max(1));
        let most_bytes = resized.rest_bytes().saturating_sub(LEAST_RING_BYTES);
        resized.fine_size_bytes = match self.fine_size_bytes {
            0 => 0,
            // What cannot hold two rings has one.
            _ if most_bytes < LEAST_RING_BYTES => 0,
            _ => u64::try_from(part).unwrap_or(u64::MAX).clamp(LEAST_RING_BYTES, most_bytes),
        };
        resized
    }

    /// What tiers leave.
    fn rest_bytes(&self) -> u64 {
        self.ring_size_bytes.saturating_sub(sum_bytes(&self.tiers))
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
        let fine = (self.fine_size_bytes > 0).then_some(self.fine_size_bytes);
        match tiers.chain(fine).chain([self.raw_size_bytes()]).min() {
            Some(least) if least < LEAST_RING_BYTES => {
                Err(WriteError::TooSmall { size_bytes: least, least_bytes: LEAST_RING_BYTES })
            }
            _ => Ok(()),
        }
    }
}

/// Rings smaller than this have no tiers by default: they hold too little for it to be missed.
const LEAST_RING_WITH_TIERS_BYTES: u64 = 128 << 20;

/// In rings smaller than this fine rows are kept among the others.
const LEAST_RING_WITH_FINE_BYTES: u64 = 32 << 20;

/// Of what tiers leave, fine rows have this many parts of so many. These parts suit a node of 2 CPUs
/// (see `docs/retention.md`); whoever knows the node knows better ones.
const FINE_PARTS: (u64, u64) = (9, 16);

/// The shares of tiers, each a part of the ring: so many in so many.
const TIER_PARTS: [(u64, (u64, u64)); 2] = [(1_000_000_000, (1, 32)), (60_000_000_000, (10, 32))];

fn fine_share_bytes(rest_bytes: u64) -> u64 {
    let fine_bytes = rest_bytes / FINE_PARTS.1 * FINE_PARTS.0;
    if fine_bytes.min(rest_bytes - fine_bytes) < LEAST_RING_BYTES { 0 } else { fine_bytes }
}

fn sum_bytes(tiers: &[TierOptions]) -> u64 {
    tiers.iter().fold(0, |sum, tier| sum.saturating_add(tier.size_bytes))
}

impl TierOptions {
    /// One second and one minute.
    pub fn defaults(ring_size_bytes: u64) -> Vec<TierOptions> {
        if ring_size_bytes < LEAST_RING_WITH_TIERS_BYTES {
            return Vec::new();
        }
        TIER_PARTS
            .iter()
            .map(|&(step_ns, (parts, of))| TierOptions {
                step_ns,
                size_bytes: ring_size_bytes / of * parts,
            })
            .collect()
    }
}

/// The size at which a segment of a ring of this size is closed, if it may be this large.
pub fn segment_size_bytes(ring_size_bytes: u64, most_bytes: u64) -> u64 {
    (ring_size_bytes / 16).min(most_bytes)
}
