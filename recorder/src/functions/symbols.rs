//! The functions that the symbols of a file name, and where its code is (elf(5)).

use super::FunctionError;
use super::bounded::{Bounded, MOST_BYTES};
use super::place::Place;
use crate::stacks::Unreadable;
use crate::stacks::opening::Identity;
use memchr::{memchr, memmem};
use nodemon_formats::narrow;
use object::elf::{self, FileHeader64};

use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{LittleEndian, ReadRef};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Header = FileHeader64<LittleEndian>;
const ORDER: LittleEndian = LittleEndian;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = elf::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = elf::EM_AARCH64;

/// Names are cut at so many bytes.
const MOST_NAME_BYTES: usize = 64 << 10;
/// What a file calls, or has, that can throw: C++, Rust, Ada, and whoever does it by hand.
const THROW: [&[u8]; 4] =
    [b"_Unwind_RaiseException", b"__cxa_throw", b"rust_eh_personality", b"__gxx_personality_v0"];

/// Where calls to other files are led on: what is on the stack there is no return.
const LED_ON: &[u8] = b".plt";

/// The path by which this process finds what it has open.
pub(super) fn by_descriptor(file: impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()).into()
}

/// A function that a symbol names.
pub(super) struct Named<'a> {
    pub(super) name: &'a [u8],
    pub(super) address: u64,
    pub(super) bytes: u64,
    /// Whether it only chooses the function that is called.
    pub(super) is_indirect: bool,
    /// Whether another file finds it by its name alone.
    pub(super) is_plain: bool,
}

/// A file with symbols.
pub(super) struct Symbols {
    path: PathBuf,
    identity: Identity,
    file: Arc<File>,
    read: Bounded,
}

impl Symbols {
    /// Reads a file, if it is one of programs for this machine.
    pub(super) fn open(spec: &str, place: Place) -> Result<Symbols, FunctionError> {
        let Place { path, file, identity } = place;
        let read = match file.try_clone() {
            Ok(again) => Bounded::new(again),
            Err(error) => {
                let source = Unreadable::Refused(Errno::from_io_error(&error).unwrap_or(Errno::IO));
                return Err(FunctionError::Read { spec: spec.to_owned(), path, source });
            }
        };
        let symbols = Symbols { path, identity, file: Arc::new(file), read };
        let is_ours =
            |header: &Header| header.is_little_endian() && header.e_machine.get(ORDER) == MACHINE;
        if !symbols.header().is_some_and(is_ours) {
            let (spec, path) = (spec.to_owned(), symbols.path);
            return Err(FunctionError::NotElf { spec, path });
        }
        Ok(symbols)
    }

    /// Where it was found.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells the file from others.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file, kept open: what is at its path may be another one in a moment.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Whether something of the file can throw what unwinds the stack.
    pub(super) fn can_throw(&self) -> bool {
        let Some(sections) = self.sections() else { return true };
        let strings = sections.iter().filter(|of| of.sh_type(ORDER) == elf::SHT_STRTAB);
        let mut texts = strings.filter_map(|section| section.data(ORDER, &self.read).ok());
        texts.any(|text| THROW.iter().any(|name| memmem::find(text, name).is_some()))
    }

    fn sections(&self) -> Option<SectionTable<'_, Header, &Bounded>> {
        self.header()?.sections(ORDER, &self.read).ok()
    }

    /// Whether an address is where a program begins, or where calls are led on.
    pub(super) fn is_no_call(&self, address: u64) -> bool {
        let is_entry = self.header().is_some_and(|header| header.e_entry(ORDER) == address);
        let is_led_on = self.sections().is_some_and(|sections| {
            sections.iter().any(|section| {
                let name = sections.section_name(ORDER, section).unwrap_or_default();
                let behind = address.checked_sub(section.sh_addr(ORDER));
                name.starts_with(LED_ON)
                    && behind.is_some_and(|behind| behind < section.sh_size(ORDER))
            })
        });
        is_entry || is_led_on
    }

    /// So many bytes from an offset on.
    pub(super) fn bytes_at(&self, offset: u64, bytes: u64) -> Option<&[u8]> {
        (&self.read).read_bytes_at(offset, bytes).ok()
    }

    fn header(&self) -> Option<&Header> {
        Header::parse(&self.read).ok()
    }

    /// The functions of a table of symbols, if there is one that can be read.
    pub(super) fn functions_of(&self, kind: u32) -> Option<Vec<Named<'_>>> {
        let sections = self.sections()?;
        let table = sections.symbols(ORDER, &self.read, kind).ok()?;
        let strings = sections.section(table.string_section()).ok()?;
        let strings = strings.data(ORDER, &self.read).ok()?;
        let versions = match kind {
            elf::SHT_DYNSYM => sections.versions(ORDER, &self.read).ok().flatten(),
            _ => None,
        };
        let (mut found, mut names_bytes) = (Vec::new(), 0_u64);
        for (index, symbol) in table.enumerate() {
            let kind = symbol.st_type();
            let is_indirect = kind == elf::STT_GNU_IFUNC;
            let is_function = kind == elf::STT_FUNC || is_indirect;
            let has_code = !symbol.is_undefined(ORDER) && !symbol.is_absolute(ORDER);
            if !is_function || !has_code {
                continue;
            }
            let at = narrow::index(symbol.st_name(ORDER).into());
            let rest = strings.get(at..).unwrap_or_default();
            let rest = rest.get(..MOST_NAME_BYTES).unwrap_or(rest);
            let name = rest.get(..memchr(0, rest).unwrap_or(rest.len())).unwrap_or_default();
            // Names may lie one in another, and each may be long.
            names_bytes = names_bytes.saturating_add(name.len() as u64);
            if names_bytes > MOST_BYTES {
                return None;
            }
            if name.is_empty() {
                continue;
            }
            let is_old =
                versions.as_ref().is_some_and(|of| of.version_index(ORDER, index).is_hidden());
            found.push(Named {
                name,
                address: symbol.st_value(ORDER),
                bytes: symbol.st_size(ORDER),
                is_indirect,
                is_plain: !symbol.is_local() && !is_old,
            });
        }
        Some(found)
    }

    /// Where a file has no symbols, the tables by which exceptions are thrown say where functions
    /// begin.
    pub(super) fn begins_by_unwind_table(&self, address: u64) -> bool {
        const HEAD_BYTES: usize = 12;
        /// A version, then pointers of 32 bits: from here, a count, and from the table.
        const USUAL: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
        let table = self.segments().find(|segment| segment.p_type(ORDER) == elf::PT_GNU_EH_FRAME);
        let Some(segment) = table else { return false };
        let Ok(bytes) = segment.data(ORDER, &self.read) else { return false };
        if !bytes.starts_with(&USUAL) {
            return false;
        }
        let base = segment.p_vaddr(ORDER);
        let (entries, _) = bytes.get(HEAD_BYTES..).unwrap_or_default().as_chunks::<8>();
        entries.iter().any(|[a, b, c, d, ..]| {
            base.wrapping_add_signed(i32::from_le_bytes([*a, *b, *c, *d]).into()) == address
        })
    }

    fn segments(&self) -> impl Iterator<Item = &elf::ProgramHeader64<LittleEndian>> {
        let header = self.header();
        header
            .and_then(|header| header.program_headers(ORDER, &self.read).ok())
            .into_iter()
            .flatten()
    }

    /// Where in the file the code at an address is.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        self.segments().find_map(|segment| {
            let behind = address.checked_sub(segment.p_vaddr(ORDER))?;
            let is_code =
                segment.p_type(ORDER) == elf::PT_LOAD && segment.p_flags(ORDER) & elf::PF_X != 0;
            let is_in = is_code && behind < segment.p_filesz(ORDER);
            is_in.then(|| segment.p_offset(ORDER).checked_add(behind)).flatten()
        })
    }
}
