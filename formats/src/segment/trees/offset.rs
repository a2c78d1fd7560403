//! Where redb has what is read here, in bytes from the start of the structure.

/// The header of a file.
pub mod header {
    use std::ops::Range;

    /// u8; bit 0: the slot that is named.
    pub const FLAGS: usize = 9;
    /// u32
    pub const PAGE_BYTES: usize = 12;
    /// u32, pages of a region's header.
    pub const REGION_HEADER_PAGES: usize = 16;
    /// u32, pages of a region beside its header.
    pub const REGION_DATA_PAGES: usize = 20;
    const SLOTS: usize = 64;
    const SLOT_BYTES: usize = 128;
    /// What of a file is its header: two slots are its end.
    pub const BYTES: usize = SLOTS + 2 * SLOT_BYTES;

    /// Slot 0 or 1.
    pub const fn slot(number: usize) -> Range<usize> {
        SLOTS + number * SLOT_BYTES..SLOTS + (number + 1) * SLOT_BYTES
    }
}

/// A slot of the header: a commit.
pub mod slot {
    /// u8, whether there are tables.
    pub const HAS_ROOT: usize = 1;
    /// Page (u64) and checksum (u128) of the table of tables.
    pub const ROOT: usize = 8;
    /// Page of the table of redb's own tables.
    pub const SYSTEM_ROOT: usize = 40;
    /// u128, of everything before it.
    pub const CHECKSUM: usize = 112;
}

/// A page of a tree.
pub mod page {
    /// u8: a leaf or a branch.
    pub const KIND: usize = 0;
    /// u16, entries of a leaf, keys of a branch.
    pub const COUNT: usize = 2;
    /// Of a leaf: where its keys and its values end, u32 each; then the keys.
    pub const ENDS: usize = 4;
    /// Of a branch: the checksums of its children, u128 each; then their pages, u64 each; the keys.
    pub const CHECKSUMS: usize = 8;
}

/// What the table of tables says of one.
pub mod definition {
    /// u8: a table, or one with several values a key.
    pub const KIND: usize = 0;
    /// u8, whether there are entries.
    pub const HAS_ROOT: usize = 9;
    /// Page (u64) and checksum (u128) of the tree.
    pub const ROOT: usize = 10;
    /// u8, whether keys have a fixed length.
    pub const HAS_KEY_BYTES: usize = 42;
    /// u32, that length.
    pub const KEY_BYTES: usize = 43;
    /// u8, whether values have a fixed length.
    pub const HAS_VALUE_BYTES: usize = 47;
}
