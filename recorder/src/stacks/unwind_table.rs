//! Finds what a file says of how to leave a function: the entry of `.eh_frame` for an address, by
//! the sorted table in `.eh_frame_hdr`.
//!
//! Neither is kept. A few pages of the table and one entry are read for an address that is new, which
//! costs some µs; what becomes of it is a rule of a few bytes, and those are remembered.

use super::bytes::{Bytes, u32_at};
use super::elf::Elf;
use gimli::{
    BaseAddresses, EhFrame, EhFrameOffset, Encoding, EndianSlice, LittleEndian, ReaderOffset,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

/// An entry of the table: where a function begins and where its entry is, each from the table on.
const PAIR_BYTES: u64 = 8;
/// So many pairs are read at once when the search has come so far.
const PAIRS_AT_ONCE: u32 = 256;
const AT_ONCE_BYTES: usize = 2048;
/// What compilers write is a tenth of it.
const MOST_ENTRY_BYTES: usize = 64 << 10;
/// What is read of an entry at once. Most are shorter.
const USUAL_ENTRY_BYTES: usize = 256;

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Room for the rules of a row and for rows that are put aside, which an entry may ask for without
/// end otherwise.
pub(super) struct Bounded;

impl<T: ReaderOffset> UnwindContextStorage<T> for Bounded {
    type Rules = [(Register, RegisterRule<T>); 64];
    type Stack = [UnwindTableRow<T, Self>; 8];
}

/// What holds at one address.
pub(super) struct Row<'a> {
    pub(super) row: &'a UnwindTableRow<usize, Bounded>,
    pub(super) section: &'a EhFrame<Reader<'a>>,
    pub(super) encoding: Encoding,
    /// The register in which the entry has the address that is returned to.
    pub(super) returns_by: Register,
    /// Its caller was not called but interrupted.
    pub(super) is_of_signal: bool,
}

/// Reads entries; what it needs for that is kept between them.
pub(super) struct Entries {
    context: Box<UnwindContext<usize, Bounded>>,
    entry: Vec<u8>,
    common: Vec<u8>,
}

impl Entries {
    pub(super) fn new() -> Entries {
        let context = Box::new(UnwindContext::new_in());
        Entries { context, entry: Vec::new(), common: Vec::new() }
    }

    /// Hands `take` what holds at an address of a file. `None` where it says nothing of it.
    pub(super) fn row<T>(
        &mut self,
        file: &Bytes,
        elf: &Elf,
        address: u64,
        take: impl FnOnce(&Row<'_>) -> T,
    ) -> Option<T> {
        let entry = find(file, elf, address)?;
        let common_bytes = self.read(file, elf, entry)?;
        let mut section = EhFrame::new(&self.entry, LittleEndian);
        section.set_address_size(8);
        #[cfg(target_arch = "aarch64")]
        section.set_vendor(gimli::Vendor::AArch64);
        // Addresses in an entry are told from where they stand.
        let start = entry.wrapping_sub(common_bytes as u64);
        let bases = BaseAddresses::default().set_eh_frame(start);
        let at = EhFrameOffset(common_bytes);
        let entry = section.fde_from_offset(&bases, at, EhFrame::cie_from_offset).ok()?;
        let context = &mut *self.context;
        let row = entry.unwind_info_for_address(&section, &bases, context, address).ok()?;
        let cie = entry.cie();
        Some(take(&Row {
            row,
            section: &section,
            encoding: cie.encoding(),
            returns_by: cie.return_address_register(),
            is_of_signal: entry.is_signal_trampoline(),
        }))
    }

    /// Makes a section of one entry, with what it shares with others in front of it, and says how
    /// many bytes those are.
    fn read(&mut self, file: &Bytes, elf: &Elf, entry: u64) -> Option<usize> {
        read_entry(file, elf.offset_of(entry)?, &mut self.entry)?;
        let back = u64::from(u32_at(&self.entry, 4).filter(|back| *back != 0)?);
        let common = entry.checked_add(4)?.checked_sub(back)?;
        read_entry(file, elf.offset_of(common)?, &mut self.common)?;
        let common_bytes = self.common.len();
        let back = u32::try_from(common_bytes.checked_add(4)?).ok()?;
        self.entry.get_mut(4..8)?.copy_from_slice(&back.to_le_bytes());
        self.entry.splice(..0, self.common.iter().copied());
        Some(common_bytes)
    }

    /// Gives back what large entries needed.
    pub(super) fn settle(&mut self) {
        self.entry.shrink_to(4 * USUAL_ENTRY_BYTES);
        self.common.shrink_to(4 * USUAL_ENTRY_BYTES);
    }
}

/// Reads an entry, whose first word is the length of what follows.
fn read_entry(file: &Bytes, offset: u64, entry: &mut Vec<u8>) -> Option<()> {
    file.read_part(offset, USUAL_ENTRY_BYTES, entry);
    // 0 ends the section, and the highest number stands for a length of 64 bits behind it.
    let length = usize::try_from(u32_at(entry, 0)?).ok()?;
    let bytes = length.checked_add(4)?;
    if length < 8 || bytes > MOST_ENTRY_BYTES {
        return None;
    }
    if bytes > entry.len() {
        file.read_part(offset, bytes, entry);
    }
    entry.truncate(bytes);
    (entry.len() == bytes).then_some(())
}

/// The address of the entry of the function that begins at or before an address.
fn find(file: &Bytes, elf: &Elf, address: u64) -> Option<u64> {
    let (table, bytes) = elf.unwind_table?;
    let offset = elf.offset_of(table)?;
    let header = file.array::<12>(offset)?;
    // Version 1, the pointer to the section and the count of pairs in 4 bytes each, the pairs sorted
    // and in 4 and 4 bytes from the table on: what every linker writes.
    let &[1, pointer, 0x03, 0x3b] = header.first_chunk::<4>()? else { return None };
    if !matches!(pointer & 0x0f, 0x03 | 0x0b) {
        return None;
    }
    let count = u32_at(&header, 8)?;
    let pairs = offset.checked_add(12)?;
    if u64::from(count) > bytes / PAIR_BYTES {
        return None;
    }
    let wanted = address.wrapping_sub(table).cast_signed();
    let wanted = i32::try_from(wanted).ok()?;
    let start_of = |pair: &[u8]| u32_at(pair, 0).map(u32::cast_signed);
    let (mut low, mut high) = (0, count);
    while high - low > PAIRS_AT_ONCE {
        let middle = low + (high - low) / 2;
        let pair = file.array::<8>(pairs.checked_add(u64::from(middle) * PAIR_BYTES)?)?;
        match start_of(&pair)? <= wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    let mut some = [0; AT_ONCE_BYTES];
    let some_bytes = usize::try_from(u64::from(high - low) * PAIR_BYTES).ok()?;
    let some = some.get_mut(..some_bytes)?;
    let read = file.read(pairs.checked_add(u64::from(low) * PAIR_BYTES)?, some);
    let (some, _) = some.get(..read)?.as_chunks::<8>();
    let behind = some.partition_point(|pair| start_of(pair).is_some_and(|start| start <= wanted));
    let entry = u32_at(some.get(behind.checked_sub(1)?)?, 4)?.cast_signed();
    table.checked_add_signed(i64::from(entry))
}
