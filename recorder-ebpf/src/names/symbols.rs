//! The functions of the kernel, by their addresses.
//!
//! The list is read when an address is new, and dropped at the end of the sample: it takes 2 to 3 MB
//! and 40 to 80 ms. What is found is remembered, so reading soon stops. Where it does not, an address
//! stays a number for as long as reading would take more than its share of a CPU. Samples of what runs
//! have new addresses for ever: who has those keeps the list, and there is one for all who do.

use crate::allocator;
use crate::allowance::Allowance;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

const SYMBOLS: &str = "/proc/kallsyms";
/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// Of the time that passes, what reading symbols may take: one part in so many.
const SHARE: u32 = 200;
/// So many addresses are remembered.
const MOST_KNOWN: usize = 16_384;
/// No function is longer. What is farther behind the start of one is not in it.
const MOST_BYTES: u64 = 1 << 20;

/// The list, as long as somebody has it.
static SHARED: Mutex<Weak<Symbols>> = Mutex::new(Weak::new());

/// Functions that were asked for before, and what may be looked up.
pub(super) struct Functions {
    known: HashMap<u64, Option<Known>>,
    symbols: Option<Arc<Symbols>>,
    /// Whether the list stays when a sample ends.
    stays: bool,
    allowance: Allowance,
    /// The modules that there were when what is known was found.
    modules: Modules,
}

/// The function that an address lies in.
pub(super) struct Known {
    pub name: String,
    /// Where it begins.
    pub start: u64,
    /// The module that it is in, in brackets. Those may have others in their place one day.
    pub module: Option<String>,
    /// Where the module begins, or else the kernel.
    pub base: u64,
}

/// The addresses of variables of the kernel, of those that it tells.
///
/// # Errors
/// When there is no `/proc/kallsyms`.
pub(crate) fn addresses_of(variables: &[&str]) -> io::Result<HashMap<String, u64>> {
    let mut found = HashMap::new();
    each_line(open()?, |address, _, name| {
        if let Some(variable) = variables.iter().find(|variable| variable.as_bytes() == name) {
            // Of several of one name the last in the list.
            found.insert((*variable).to_owned(), address);
        }
    })?;
    Ok(found)
}

fn open() -> io::Result<impl BufRead> {
    Ok(BufReader::with_capacity(READ_BYTES, File::open(SYMBOLS)?))
}

/// Hands out address, type, and the name with a tab and its module in brackets behind it, if it is
/// in one, of each line. To those who may not see them all addresses are 0: those are left out.
fn each_line(mut lines: impl BufRead, mut symbol: impl FnMut(u64, u8, &[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let mut words = line.trim_ascii_end().splitn(3, |byte| *byte == b' ');
        let address = words.next().and_then(|digits| std::str::from_utf8(digits).ok());
        let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        if let (Some(address @ 1..), Some([kind]), Some(name)) =
            (address, words.next(), words.next())
        {
            symbol(address, *kind, name);
        }
        line.clear();
    }
    Ok(())
}

impl Default for Functions {
    fn default() -> Functions {
        Functions {
            known: HashMap::new(),
            symbols: None,
            stays: false,
            allowance: Allowance::new(SHARE),
            modules: Modules(0),
        }
    }
}

impl Functions {
    /// The function that `address` lies in; `None` where there is none, or it may not be looked up.
    pub fn find(&mut self, address: u64) -> Option<&Known> {
        if !self.known.contains_key(&address) {
            let found = self.look_up(address)?;
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert(address, found);
        }
        self.known.get(&address)?.as_ref()
    }

    /// `None` while nothing may be read.
    fn look_up(&mut self, address: u64) -> Option<Option<Known>> {
        if self.symbols.is_none() {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            let symbols = match shared.upgrade() {
                Some(symbols) => symbols,
                None => {
                    let begun = self.allowance.begin()?;
                    // Before the list: what is loaded meanwhile is a change.
                    let modules = Modules::now();
                    let mut symbols = open().and_then(Symbols::read).unwrap_or_default();
                    symbols.bases = module_bases();
                    symbols.modules = modules;
                    self.allowance.end(begun, Duration::ZERO);
                    Arc::new(symbols)
                }
            };
            *shared = Arc::downgrade(&symbols);
            if self.known.is_empty() {
                self.modules = symbols.modules;
            }
            self.symbols = Some(symbols);
        }
        self.symbols.as_ref().map(|symbols| symbols.around(address))
    }

    /// Keeps the list from now on.
    pub fn keep(&mut self) {
        self.stays = true;
    }

    /// Drops the list, unless it is to be kept.
    pub fn settle(&mut self) {
        if !self.stays && self.symbols.take().is_some() {
            allocator::give_back();
        }
    }

    /// Forgets what was in modules if other ones are loaded now.
    pub fn forget(&mut self) {
        self.settle();
        let now = Modules::now();
        if self.modules != now {
            self.modules = now;
            self.symbols.take_if(|symbols| symbols.modules != now);
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.upgrade().is_some_and(|symbols| symbols.modules != now) {
                *shared = Weak::new();
            }
            self.known
                .retain(|_, known| known.as_ref().is_some_and(|known| known.module.is_none()));
        }
    }
}

/// The functions of the kernel.
#[derive(Default)]
struct Symbols {
    /// Address of each function, ascending.
    starts: Vec<u64>,
    /// Where the name of each begins.
    name_starts: Vec<u32>,
    /// Each name, and that of its module, with the end of a line behind.
    names: Vec<u8>,
    /// Where the kernel begins.
    text: u64,
    /// Where each module begins.
    bases: HashMap<String, u64>,
    /// The modules that there were.
    modules: Modules,
}

/// What names of the room in front of functions begin with, in which nothing runs.
const PADDING: &[u8] = b"__pfx_";

/// Where the code of the kernel begins.
const TEXT: &[u8] = b"_text";

impl Symbols {
    fn read(lines: impl BufRead) -> io::Result<Symbols> {
        let mut symbols = Symbols::default();
        let mut found: Vec<(u64, u32)> = Vec::new();
        each_line(lines, |address, kind, name| {
            let at = u32::try_from(symbols.names.len());
            if name == TEXT {
                symbols.text = address;
            }
            if let (b't' | b'T' | b'w' | b'W', Ok(at)) = (kind, at)
                && !name.starts_with(PADDING)
            {
                found.push((address, at));
                symbols.names.extend_from_slice(name);
                symbols.names.push(b'\n');
            }
        })?;
        // Of several names of one address the first in the list counts.
        found.sort_by_key(|(start, _)| *start);
        found.dedup_by_key(|(start, _)| *start);
        (symbols.starts, symbols.name_starts) = found.into_iter().unzip();
        symbols.starts.shrink_to_fit();
        symbols.name_starts.shrink_to_fit();
        symbols.names.shrink_to_fit();
        Ok(symbols)
    }

    fn around(&self, address: u64) -> Option<Known> {
        let before = self.starts.partition_point(|start| *start <= address).checked_sub(1)?;
        let (start, at) = (*self.starts.get(before)?, *self.name_starts.get(before)?);
        let line = self.names.get(at as usize..)?.split(|byte| *byte == b'\n').next()?;
        let mut words = line.split(|byte| *byte == b'\t');
        let name = String::from_utf8_lossy(words.next()?).into_owned();
        let module = words.next().map(|module| String::from_utf8_lossy(module).into_owned());
        let base = match &module {
            Some(module) => self.bases.get(module).copied().unwrap_or(start),
            None => self.text,
        };
        let known = Known { name, start, module, base };
        (address - start < MOST_BYTES).then_some(known)
    }
}

/// Where each module begins, by its name in brackets.
fn module_bases() -> HashMap<String, u64> {
    let text = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    let base = |line: &str| {
        let mut words = line.split(' ');
        let (name, address) = (words.next()?, words.nth(4)?);
        let address = u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?;
        Some((format!("[{name}]"), address))
    };
    text.lines().filter_map(base).collect()
}

/// Which modules are loaded, and where, as one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Modules(u64);

impl Modules {
    /// Those that are loaded.
    fn now() -> Modules {
        let text = std::fs::read_to_string("/proc/modules").unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            (words.next(), words.nth(4)).hash(&mut hasher);
        }
        Modules(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Symbols;

    const SOME: &str = "ffffffff81000000 T _stext\nffffffff81000000 t first\nffffffff81000030 t \
                        __pfx_here\nffffffff81000040 t here\nffffffff81000050 d data\nffffffffc0001000 t there\t[module]\n";

    #[test]
    fn an_address_lies_in_the_function_that_begins_before_it() {
        let symbols = Symbols::read(SOME.as_bytes()).unwrap();
        let found =
            |address| symbols.around(address).map(|found| (found.name, found.module.is_some()));
        for (address, name) in [
            (0xffff_ffff_8100_0000, Some(("_stext", false))),
            (0xffff_ffff_8100_003f, Some(("_stext", false))),
            (0xffff_ffff_8100_0040, Some(("here", false))),
            (0xffff_ffff_8100_0060, Some(("here", false))),
            (0xffff_ffff_c000_1fff, Some(("there", true))),
            (0xffff_ffff_c020_0000, None),
            (0xffff_ffff_8130_0000, None),
            (0xffff_ffff_80ff_ffff, None),
            (1, None),
        ] {
            let name = name.map(|(name, is_in_module)| (name.to_owned(), is_in_module));
            assert_eq!(found(address), name, "{address:#x}");
        }
        assert!(Symbols::read(&b""[..]).unwrap().around(1).is_none());
        assert!(Symbols::read(&[0xff; 100][..]).unwrap().around(1).is_none());
    }
}
