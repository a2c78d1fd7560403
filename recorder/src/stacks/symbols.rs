//! The functions of a file, by their addresses.
//!
//! Of a table of symbols an index is kept as long as new addresses come: eight bytes for each
//! function, where it begins and which symbol it is. The symbol and its name are read from the file
//! when they are asked for.

use super::bytes::{Bytes, u16_at, u32_at, u64_at};
use super::elf::{Elf, SYMBOL_BYTES, SymbolTable};
use nodemon_formats::narrow;

/// So much of a table is read.
const MOST_TABLE_BYTES: u64 = 64 << 20;
/// A file with more functions has no names here; whoever has its debug files finds them later.
const MOST_FUNCTIONS: usize = 384 << 10;
/// Symbols that are read at once: 24 KiB.
const SYMBOLS_AT_ONCE: usize = 1024;
/// So many that begin before an address are looked at: aliases, and labels within a function.
const MOST_TRIED: usize = 16;
/// What is read of a name at first, and at most.
const USUAL_NAME_BYTES: usize = 256;
const MOST_NAME_BYTES: usize = 4096;

/// Types of symbols: not told, a function, and one that chooses a function when it is linked.
const NO_TYPE: u8 = 0;
const FUNCTION: u8 = 2;
const INDIRECT_FUNCTION: u8 = 10;

/// A function that begins so far behind the lowest address of its file, and the number of its symbol.
type Start = (u32, u32);

/// Where the functions of a file begin, in this order.
pub(super) struct Index {
    table: SymbolTable,
    starts: Vec<Start>,
}

/// A function that contains an address.
pub(super) struct Found {
    /// Where it begins, behind the lowest address.
    pub(super) start: u32,
    /// As the linker has it.
    pub(super) name: Vec<u8>,
}

struct Symbol {
    name: u32,
    kind: u8,
    is_local: bool,
    is_defined: bool,
    address: u64,
    bytes: u64,
}

impl Symbol {
    fn of(entry: &[u8]) -> Option<Symbol> {
        let info = *entry.get(4)?;
        Some(Symbol {
            name: u32_at(entry, 0)?,
            kind: info & 15,
            is_local: info >> 4 == 0,
            is_defined: u16_at(entry, 6)? != 0,
            address: u64_at(entry, 8)?,
            bytes: u64_at(entry, 16)?,
        })
    }

    fn is_function(&self) -> bool {
        let is_one = matches!(self.kind, FUNCTION | INDIRECT_FUNCTION)
            || (self.kind == NO_TYPE && self.bytes > 0);
        is_one && self.is_defined && self.name != 0
    }
}

impl Index {
    /// Reads the table of a file once. What it has too much of is left out.
    pub(super) fn read(file: &Bytes, elf: &Elf) -> Option<Index> {
        let table = elf.symbols?;
        let most = narrow::count32_of(MOST_TABLE_BYTES / SYMBOL_BYTES as u64);
        let mut starts = Vec::new();
        let mut some = Vec::new();
        let mut number = 0;
        while number < table.count.min(most) {
            let at = table.at.checked_add(u64::from(number) * SYMBOL_BYTES as u64)?;
            file.read_part(at, SYMBOLS_AT_ONCE * SYMBOL_BYTES, &mut some);
            let entries = some.chunks_exact(SYMBOL_BYTES);
            if entries.len() == 0 {
                break;
            }
            for (entry, number) in entries.zip(number..table.count) {
                let symbol = Symbol::of(entry).filter(Symbol::is_function);
                let start = symbol.and_then(|symbol| elf.behind_base(symbol.address));
                starts.extend(start.map(|start| (start, number)));
            }
            if starts.len() > MOST_FUNCTIONS {
                starts.clear();
                break;
            }
            number = number.saturating_add(narrow::count32(SYMBOLS_AT_ONCE));
        }
        starts.sort_unstable();
        starts.shrink_to_fit();
        Some(Index { table, starts })
    }

    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<Start>()
    }

    /// The function that an address is in; of several names of one the plainest.
    pub(super) fn find(&self, file: &Bytes, address: u32) -> Option<Found> {
        let behind = self.starts.partition_point(|(start, _)| *start <= address);
        let before = self.starts.get(..behind)?;
        let mut best: Option<(bool, Found)> = None;
        for (tried, (start, number)) in before.iter().rev().enumerate() {
            let is_alias = best.as_ref().is_some_and(|(_, best)| best.start == *start);
            if tried >= MOST_TRIED || (best.is_some() && !is_alias) {
                break;
            }
            let offset = u64::from(*number) * SYMBOL_BYTES as u64;
            let at = self.table.at.checked_add(offset)?;
            let symbol = Symbol::of(&file.array::<SYMBOL_BYTES>(at)?)?;
            // Those of assembly may have no size; they end where the next begins.
            let is_nearest = before.last().is_some_and(|(last, _)| last == start);
            let is_in = match symbol.bytes {
                0 => is_nearest,
                bytes => u64::from(address - start) < bytes,
            };
            if !is_in {
                continue;
            }
            let name = self.name(file, symbol.name).filter(|name| !name.is_empty());
            let Some(name) = name else { continue };
            let found = Found { start: *start, name };
            let is_plainer = best.as_ref().is_none_or(|(is_local, best)| {
                rank(symbol.is_local, &found.name) < rank(*is_local, &best.name)
            });
            if is_plainer {
                best = Some((symbol.is_local, found));
            }
        }
        best.map(|(_, found)| found)
    }

    fn name(&self, file: &Bytes, at: u32) -> Option<Vec<u8>> {
        let left = self.table.strings_bytes.checked_sub(u64::from(at))?;
        let at = self.table.strings_at.checked_add(u64::from(at))?;
        let mut name = Vec::new();
        for most in [USUAL_NAME_BYTES, MOST_NAME_BYTES] {
            file.read_part(at, narrow::index(left).min(most), &mut name);
            if let Some(end) = memchr::memchr(0, &name) {
                name.truncate(end);
                break;
            }
        }
        Some(name)
    }
}

/// `read` before `__read`, and what others can call before what they cannot.
fn rank(is_local: bool, name: &[u8]) -> (bool, usize, usize, &[u8]) {
    let underscores = name.iter().take_while(|byte| **byte == b'_').count();
    (is_local, underscores, name.len(), name)
}
