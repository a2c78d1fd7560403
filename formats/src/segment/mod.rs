//! Segments: one redb file each.

/// Version of everything inside a segment.
pub const FORMAT_VERSION: u32 = 1;
