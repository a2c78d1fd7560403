//! What an ELF file says of itself: where it is loaded, and where its unwind table, its symbols and
//! its build id are (elf(5)).
//!
//! Nothing of it is kept but these places. Every number is another's word: it is bounded before
//! memory is asked for, and added up with care.

use super::bytes::{Bytes, u16_at, u32_at, u64_at};
use nodemon_formats::narrow;

const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const SECTION_BYTES: usize = 64;
pub(super) const SYMBOL_BYTES: usize = 24;
/// Linkers write a dozen of each; a file with one section for each function is not mapped.
const MOST_SEGMENTS: u16 = 128;
const MOST_SECTIONS: u16 = 4096;
/// A build id lies among few notes.
const MOST_NOTE_BYTES: u64 = 4096;
const MOST_BUILD_ID_BYTES: usize = 32;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

/// Types of segments.
const LOAD: u32 = 1;
const NOTE: u32 = 4;
const UNWIND_TABLE: u32 = 0x6474_e550;
/// Types of sections.
const SYMBOLS: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;
/// Flag of a segment: it can be executed.
const EXECUTABLE: u32 = 1;

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy)]
struct Load {
    is_code: bool,
    offset: u64,
    address: u64,
    bytes: u64,
}

/// A table of symbols, and the strings of their names.
#[derive(Debug, Clone, Copy)]
pub(super) struct SymbolTable {
    pub(super) at: u64,
    pub(super) count: u32,
    pub(super) strings_at: u64,
    pub(super) strings_bytes: u64,
}

/// The places in a file.
#[derive(Debug)]
pub(super) struct Elf {
    loads: Vec<Load>,
    /// The lowest address. Addresses below are told from it on, in 32 bits.
    base: u64,
    /// Address of `.eh_frame_hdr`, and how many bytes it has.
    pub(super) unwind_table: Option<(u64, u64)>,
    pub(super) symbols: Option<SymbolTable>,
    /// In hexadecimal digits, empty where there is none.
    pub(super) build_id: Box<[u8]>,
}

impl Elf {
    /// `None` where it is no ELF file of this machine.
    pub(super) fn read(file: &Bytes) -> Option<Elf> {
        let header = file.array::<HEADER_BYTES>(0)?;
        // 64 bits, little-endian.
        let is_ours = header.starts_with(b"\x7fELF\x02\x01") && u16_at(&header, 18)? == MACHINE;
        if !is_ours {
            return None;
        }
        let mut this = Elf {
            loads: Vec::new(),
            base: 0,
            unwind_table: None,
            symbols: None,
            build_id: Box::default(),
        };
        this.read_segments(file, &header)?;
        this.symbols = read_sections(file, &header);
        Some(this)
    }

    fn read_segments(&mut self, file: &Bytes, header: &[u8]) -> Option<()> {
        let (at, count) = (u64_at(header, 32)?, u16_at(header, 56)?);
        let is_usual = usize::from(u16_at(header, 54)?) == SEGMENT_BYTES;
        if !is_usual || count > MOST_SEGMENTS {
            return None;
        }
        let mut table = Vec::new();
        file.read_part(at, usize::from(count) * SEGMENT_BYTES, &mut table);
        for segment in table.chunks_exact(SEGMENT_BYTES) {
            let (kind, flags) = (u32_at(segment, 0)?, u32_at(segment, 4)?);
            let (offset, address) = (u64_at(segment, 8)?, u64_at(segment, 16)?);
            let bytes = u64_at(segment, 32)?;
            match kind {
                LOAD => {
                    let is_code = flags & EXECUTABLE != 0;
                    self.loads.push(Load { is_code, offset, address, bytes });
                }
                UNWIND_TABLE => self.unwind_table = Some((address, bytes)),
                NOTE if self.build_id.is_empty() => {
                    self.build_id = build_id(file, offset, bytes).unwrap_or_default();
                }
                _ => {}
            }
        }
        self.base = self.loads.iter().map(|load| load.address).min()?;
        Some(())
    }

    /// The address of the code at an offset of the file.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let has = |load: &&Load| {
            let behind = offset.checked_sub(load.offset);
            load.is_code && behind.is_some_and(|behind| behind < load.bytes)
        };
        let load = self.loads.iter().find(has)?;
        load.address.checked_add(offset - load.offset)
    }

    /// Where in the file what is loaded at an address is.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let has = |load: &&Load| {
            let behind = address.checked_sub(load.address);
            behind.is_some_and(|behind| behind < load.bytes)
        };
        let load = self.loads.iter().find(has)?;
        load.offset.checked_add(address - load.address)
    }

    /// How far behind the lowest address one is.
    pub(super) fn behind_base(&self, address: u64) -> Option<u32> {
        u32::try_from(address.checked_sub(self.base)?).ok()
    }
}

/// The table with all functions, or where that was stripped the one with those that others call.
fn read_sections(file: &Bytes, header: &[u8]) -> Option<SymbolTable> {
    let (at, count) = (u64_at(header, 40)?, u16_at(header, 60)?);
    let is_usual = usize::from(u16_at(header, 58)?) == SECTION_BYTES;
    if !is_usual || count > MOST_SECTIONS {
        return None;
    }
    let mut table = Vec::new();
    file.read_part(at, usize::from(count) * SECTION_BYTES, &mut table);
    let section = |number: usize| {
        let start = number.checked_mul(SECTION_BYTES)?;
        table.get(start..start.checked_add(SECTION_BYTES)?)
    };
    let of_kind = |kind: u32| {
        let mut sections = table.chunks_exact(SECTION_BYTES);
        let symbols = sections.find(|section| u32_at(section, 4) == Some(kind))?;
        let strings = section(usize::try_from(u32_at(symbols, 40)?).ok()?)?;
        let found = SymbolTable {
            at: u64_at(symbols, 24)?,
            count: u32::try_from(u64_at(symbols, 32)? / SYMBOL_BYTES as u64).ok()?,
            strings_at: u64_at(strings, 24)?,
            strings_bytes: u64_at(strings, 32)?,
        };
        (found.count > 1).then_some(found)
    };
    of_kind(SYMBOLS).or_else(|| of_kind(DYNAMIC_SYMBOLS))
}

/// The note `GNU` of type 3 among those of a segment, whose names and contents are padded to four
/// bytes each.
fn build_id(file: &Bytes, offset: u64, bytes: u64) -> Option<Box<[u8]>> {
    const BUILD_ID: u32 = 3;
    let mut notes = Vec::new();
    file.read_part(offset, narrow::index(bytes.min(MOST_NOTE_BYTES)), &mut notes);
    let mut rest = notes.as_slice();
    while rest.len() >= 12 {
        let name_bytes = usize::try_from(u32_at(rest, 0)?).ok()?;
        let id_bytes = usize::try_from(u32_at(rest, 4)?).ok()?;
        let kind = u32_at(rest, 8)?;
        let name = rest.get(12..)?.get(..name_bytes)?;
        let behind = rest.get(12 + name_bytes.next_multiple_of(4)..)?;
        if kind == BUILD_ID && name == b"GNU\0" {
            let id = behind.get(..id_bytes.min(MOST_BUILD_ID_BYTES))?;
            return Some(id.iter().flat_map(|byte| digits(*byte)).collect());
        }
        rest = behind.get(id_bytes.next_multiple_of(4)..)?;
    }
    None
}

fn digits(byte: u8) -> [u8; 2] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}
