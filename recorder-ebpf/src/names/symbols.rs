//! The functions of the kernel, by their addresses.
//!
//! The list is read when an address is new, and dropped at the end of the sample: it takes 2 to 4 MB
//! and 40 to 80 ms. What is found is remembered, so reading soon stops. Where it does not, an address
//! stays a number for as long as reading would take more than its share of a CPU.

use crate::allocator;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader};
use std::time::{Duration, Instant};

const SYMBOLS: &str = "/proc/kallsyms";
/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// Of the time that passes, what reading symbols may take: one part in so many.
const SHARE: u32 = 200;
/// What it may take at once, after a while in which nothing was new.
const MOST: Duration = Duration::from_secs(1);
/// So many addresses are remembered.
const MOST_KNOWN: usize = 16_384;
/// No function is longer. What is farther behind the start of one is not in it.
const MOST_BYTES: u64 = 1 << 20;

/// Functions that were asked for before, and what may be looked up.
#[derive(Default)]
pub(super) struct Functions {
    known: HashMap<u64, Option<Known>>,
    symbols: Option<Symbols>,
    allowance: Allowance,
    modules: Modules,
}

/// The function that an address lies in.
pub(super) struct Known {
    pub name: String,
    /// Where it begins.
    pub start: u64,
    /// Those of modules may have others in their place one day.
    is_in_module: bool,
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
            let begun = self.allowance.begin()?;
            let symbols = open().and_then(Symbols::read).unwrap_or_default();
            self.allowance.end(begun);
            self.symbols = Some(symbols);
        }
        self.symbols.as_ref().map(|symbols| symbols.around(address))
    }

    /// Drops the list.
    pub fn settle(&mut self) {
        if self.symbols.take().is_some() {
            allocator::give_back();
        }
    }

    /// Forgets what was in modules if other ones are loaded now.
    pub fn forget(&mut self) {
        self.settle();
        if self.modules.have_changed() {
            self.known.retain(|_, known| known.as_ref().is_some_and(|known| !known.is_in_module));
        }
    }
}

/// How long reading may still take.
struct Allowance {
    left: Duration,
    at: Instant,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { left: MOST, at: Instant::now() }
    }
}

impl Allowance {
    fn begin(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.left = (self.left + (now - self.at) / SHARE).min(MOST);
        self.at = now;
        (!self.left.is_zero()).then_some(now)
    }

    fn end(&mut self, begun: Instant) {
        self.left = self.left.saturating_sub(begun.elapsed());
    }
}

/// The functions of the kernel.
#[derive(Default)]
struct Symbols {
    /// Address of each function, ascending, and where its name begins.
    starts: Vec<(u64, u32)>,
    /// Each name, and that of its module, with the end of a line behind.
    names: Vec<u8>,
}

impl Symbols {
    fn read(lines: impl BufRead) -> io::Result<Symbols> {
        let mut symbols = Symbols::default();
        each_line(lines, |address, kind, name| {
            let at = u32::try_from(symbols.names.len());
            if let (b't' | b'T' | b'w' | b'W', Ok(at)) = (kind, at) {
                symbols.starts.push((address, at));
                symbols.names.extend_from_slice(name);
                symbols.names.push(b'\n');
            }
        })?;
        // Of several names of one address the first in the list counts.
        symbols.starts.sort_by_key(|(start, _)| *start);
        symbols.starts.dedup_by_key(|(start, _)| *start);
        Ok(symbols)
    }

    fn around(&self, address: u64) -> Option<Known> {
        let behind = self.starts.partition_point(|(start, _)| *start <= address);
        let (start, at) = *self.starts.get(behind.checked_sub(1)?)?;
        let line = self.names.get(at as usize..)?.split(|byte| *byte == b'\n').next()?;
        let mut words = line.split(|byte| *byte == b'\t');
        let name = String::from_utf8_lossy(words.next()?).into_owned();
        let known = Known { name, start, is_in_module: words.next().is_some() };
        (address - start < MOST_BYTES).then_some(known)
    }
}

/// Which modules are loaded, and where, as one number.
#[derive(Default)]
struct Modules(u64);

impl Modules {
    /// Whether others are loaded than when this was asked last.
    fn have_changed(&mut self) -> bool {
        let text = std::fs::read_to_string("/proc/modules").unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            (words.next(), words.nth(4)).hash(&mut hasher);
        }
        let now = hasher.finish();
        std::mem::replace(&mut self.0, now) != now
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Allowance, MOST, Symbols};
    use std::time::{Duration, Instant};

    const SOME: &str = "ffffffff81000000 T _stext\nffffffff81000000 t first\nffffffff81000040 t \
                        here\nffffffff81000050 d data\nffffffffc0001000 t there\t[module]\n";

    #[test]
    fn an_address_lies_in_the_function_that_begins_before_it() {
        let symbols = Symbols::read(SOME.as_bytes()).unwrap();
        let found = |address| symbols.around(address).map(|known| (known.name, known.is_in_module));
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

    #[test]
    fn reading_symbols_ends_when_it_has_had_its_share_of_the_time() {
        let mut allowance = Allowance { left: MOST, at: Instant::now() };
        let begun = allowance.begin().unwrap();
        allowance.end(begun.checked_sub(2 * MOST).unwrap());
        assert!(allowance.begin().is_none_or(|_| allowance.left < Duration::from_millis(1)));
        allowance.at = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        assert!(allowance.begin().is_some());
        let left = allowance.left;
        assert!((100..=101).contains(&left.as_millis()), "20 s allow for {left:?}");
    }
}
