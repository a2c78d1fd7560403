//! What a segment says of itself, and the small archives: schemas, gaps, clock offsets.

use super::EnvelopeError;
use crate::clock::ClockOffset;
use crate::gap::Gap;
use crate::schema::Schema;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

/// The description of a segment, version 1.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SegmentDescription {
    /// Its number.
    pub number: u64,
    /// Name of the host.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Version of the recorder.
    pub recorder_version: String,
    /// Step of a rollup tier, ns; 0 where rows are as the sources sent them.
    pub tier_ns: u64,
    /// The clocks when it was created.
    pub created: ClockOffset,
}

impl SegmentDescription {
    /// Whether both are of what was one segment when its recorder wrote it.
    pub fn is_of(&self, other: &SegmentDescription) -> bool {
        (self.number, &self.boot_id, self.created) == (other.number, &other.boot_id, other.created)
    }
}

/// What a ring may take on disk, version 1.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// The share of the ring that the segment is of.
    pub share_bytes: u64,
    /// The most that all rings of the recording may take.
    pub bound_bytes: u64,
}

macro_rules! archived {
    ($type:ty, $put:ident, $take:ident) => {
        /// Archives it.
        ///
        /// # Errors
        /// When memory cannot be had.
        pub fn $put(value: &$type) -> Result<AlignedVec, rkyv::rancor::Error> {
            rkyv::to_bytes::<rkyv::rancor::Error>(value)
        }

        /// Reads the archive.
        ///
        /// # Errors
        /// When it is not one.
        pub fn $take(bytes: &[u8]) -> Result<$type, EnvelopeError> {
            let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
            aligned.extend_from_slice(bytes);
            rkyv::from_bytes::<$type, rkyv::rancor::Error>(&aligned)
                .map_err(|_| EnvelopeError::NotAChunk)
        }
    };
}

archived!(SegmentDescription, put_description, take_description);
archived!(Schema, put_schema, take_schema);
archived!(Vec<Gap>, put_gaps, take_gaps);
archived!(ClockOffset, put_clock, take_clock);
archived!(RingLimits, put_limits, take_limits);
