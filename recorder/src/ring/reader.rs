//! Reads samples out of a ring while the kernel writes others into it.

use super::abi::{ELEMENT_BYTES, MAGIC, RingCpu, RingHeader, RingSlot, VERSION};
use super::memory::Memory;
use nodemon_formats::narrow::index;
use std::mem::offset_of;

/// More slots than this make no sense: they would be hours.
const MOST_SLOTS: u32 = 1 << 24;
/// More CPUs than any kernel can have (`CONFIG_NR_CPUS` is 8192 at the most).
const MOST_CPUS: u32 = 8192;

/// Why a mapping cannot be read as a ring.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Something else, or a producer that has not finished its header.
    #[error("it is not a ring: it begins with {0:#018x}")]
    Magic(u64),
    /// A producer of another version.
    #[error(
        "its layout is version {found}, and this recorder reads version {VERSION}: install the two from the same release"
    )]
    Version {
        /// The version of the producer.
        found: u32,
    },
    /// A header that contradicts itself.
    #[error("its header makes no sense: {0}")]
    Header(String),
}

/// A ring, and how far it was read.
pub struct Ring {
    memory: Memory,
    header: RingHeader,
    /// The sample that is read next.
    position: u64,
    slot: RingSlot,
    cpus: Vec<RingCpu>,
    /// [`RingSlot::missed`] of the last sample that was read, once there is one.
    missed: Option<u64>,
    /// Samples that were overwritten since the last one that was read.
    overrun: u64,
}

/// A sample, and what is missing before it.
pub struct Sample<'a> {
    /// What it begins with.
    pub slot: &'a RingSlot,
    /// Every CPU, by its number.
    pub cpus: &'a [RingCpu],
    /// Samples before it that were overwritten before they were read.
    pub overrun: u64,
    /// Deadlines before it that passed without a sample in the kernel.
    pub missed: u64,
}

/// Whether there shall be another sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Yes, if there is one.
    On,
    /// Not now.
    Stop,
}

impl Ring {
    /// A ring out of `memory`, from its next sample on.
    ///
    /// # Errors
    /// [`RingError`].
    pub fn open(memory: Memory) -> Result<Ring, RingError> {
        let mut header = RingHeader::default();
        memory.copy(0, &mut header);
        check(&header, memory.size_bytes())?;
        let cpus = vec![RingCpu::default(); header.cpus as usize];
        let slot = RingSlot::default();
        let mut ring = Ring { memory, header, position: 0, slot, cpus, missed: None, overrun: 0 };
        ring.position = ring.written();
        Ok(ring)
    }

    /// How large the ring is whose header is at the start of `memory`, bytes.
    ///
    /// # Errors
    /// [`RingError`], when there is no ring.
    pub fn size_bytes_of(memory: &Memory) -> Result<usize, RingError> {
        let mut header = RingHeader::default();
        memory.copy(0, &mut header);
        check(&header, usize::MAX)?;
        Ok(index(size_bytes(&header)))
    }

    /// What the producer said of itself when the ring was opened.
    pub fn header(&self) -> &RingHeader {
        &self.header
    }

    /// Samples that the producer has written since its start.
    pub fn written(&self) -> u64 {
        self.memory.word(offset_of!(RingHeader, written))
    }

    /// Time that the producer has spent sampling since its start, ns.
    pub fn cost_ns(&self) -> u64 {
        self.memory.word(offset_of!(RingHeader, cost_ns))
    }

    /// Shows every sample that is there and was not read yet to `take`, the oldest first, until it
    /// says that it has enough. Returns how many were shown.
    pub fn drain(&mut self, mut take: impl FnMut(&Sample<'_>) -> Drain) -> u64 {
        let mut taken = 0;
        let mut written = self.written();
        let slots = u64::from(self.header.slots);
        while self.position < written {
            // One that is about to be overwritten is not worth a try.
            let behind = written - self.position;
            if behind > slots - slots / 8 {
                self.pass_over(behind - slots / 2);
            }
            if !self.copy() {
                written = self.written();
                let behind = written.saturating_sub(self.position);
                if behind < slots / 2 {
                    // Not overwritten, so not there yet.
                    break;
                }
                // Overwritten while it was copied, or it will never be there: always a step on.
                self.pass_over((behind - slots / 2).max(1));
                continue;
            }
            let before = self.missed.replace(self.slot.missed);
            let missed = before.map_or(0, |before| self.slot.missed.saturating_sub(before));
            let overrun = std::mem::take(&mut self.overrun);
            taken += 1;
            self.position += 1;
            if take(&Sample { slot: &self.slot, cpus: &self.cpus, overrun, missed }) == Drain::Stop
            {
                break;
            }
        }
        taken
    }

    /// Counts so many samples as overwritten, and goes on behind them.
    fn pass_over(&mut self, samples: u64) {
        self.overrun += samples;
        self.position += samples;
    }

    /// Copies the sample of the current position out, and says whether all of it is of that one.
    fn copy(&mut self) -> bool {
        // Of a position that no producer reaches it wraps, as that of the ABI does.
        let whole = self.position.wrapping_mul(2).wrapping_add(2);
        let slots = u64::from(self.header.slots);
        let elements = index(self.position % slots) * (1 + self.cpus.len());
        let start = self.header.slots_offset as usize + elements * ELEMENT_BYTES;
        let sequence = start + offset_of!(RingSlot, sequence);
        if self.memory.word(sequence) != whole {
            return false;
        }
        self.memory.copy(start, &mut self.slot);
        for (at, cpu) in self.cpus.iter_mut().enumerate() {
            self.memory.copy(start + (1 + at) * ELEMENT_BYTES, cpu);
        }
        self.memory.word(sequence) == whole
    }
}

/// How large the ring is that begins with this header, bytes.
fn size_bytes(header: &RingHeader) -> u64 {
    let slot_bytes = (1 + u64::from(header.cpus)) * ELEMENT_BYTES as u64;
    u64::from(header.slots_offset) + u64::from(header.slots) * slot_bytes
}

fn check(header: &RingHeader, mapped_bytes: usize) -> Result<(), RingError> {
    let RingHeader { magic, version, element_bytes, slots_offset, slots, cpus, .. } = *header;
    if magic != MAGIC {
        return Err(RingError::Magic(magic));
    }
    if version != VERSION {
        return Err(RingError::Version { found: version });
    }
    let wrong = |what| Err(RingError::Header(what));
    if element_bytes as usize != ELEMENT_BYTES {
        return wrong(format!("elements of {element_bytes} bytes"));
    }
    if !slots.is_power_of_two() || !(8..=MOST_SLOTS).contains(&slots) {
        return wrong(format!("{slots} slots"));
    }
    if !(1..=MOST_CPUS).contains(&cpus) {
        return wrong(format!("{cpus} CPUs"));
    }
    if (slots_offset as usize) < ELEMENT_BYTES || !slots_offset.is_multiple_of(8) {
        return wrong(format!("slots from byte {slots_offset} on"));
    }
    if header.interval_ns == 0 {
        return wrong("an interval of 0 ns".to_owned());
    }
    if size_bytes(header) > mapped_bytes as u64 {
        return wrong(format!("{} bytes, of which {mapped_bytes} are mapped", size_bytes(header)));
    }
    Ok(())
}
