//! Functions of the kernel that addresses lie in, as stacks have them.
//!
//! The list of functions is read when an address is new, and let go of at the end of the sample: it
//! takes 2 to 4 MB and 40 to 80 ms. Few places wait, so that soon stops. Where it does not, an
//! address stays a number for as long as reading would take more than its share of a CPU.

use super::function::{Known, Modules, SYMBOLS};
use super::{Names, put_number, word};
use crate::allocator;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::time::{Duration, Instant};

/// Of the time that passes, what reading symbols may take: one part in so many.
const SHARE: u32 = 200;
/// What it may take at once, after a while in which nothing was new.
const MOST: Duration = Duration::from_secs(1);
/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// So many addresses are remembered.
const MOST_KNOWN: usize = 16_384;

/// What was found before, and what may be looked up.
pub(super) struct Around {
    known: HashMap<u64, Option<Known>>,
    symbols: Option<Symbols>,
    allowance: Allowance,
    modules: Modules,
}

impl Default for Around {
    fn default() -> Around {
        Around {
            known: HashMap::new(),
            symbols: None,
            allowance: Allowance { left: MOST, at: Instant::now() },
            modules: Modules::default(),
        }
    }
}

/// The name of the function that an address lies in: `percpu_rwsem_wait`. One that has none, or whose
/// address this process may not see, stays a number.
pub fn function_around(names: &mut Names, address: &[u8], text: &mut Vec<u8>) {
    put(names, word(address), text);
}

/// A stack of addresses, the innermost first and 0 behind the last, as it is folded: the names from
/// the outermost to the innermost, `;` between them.
pub fn kernel_stack(names: &mut Names, frames: &[u8], text: &mut Vec<u8>) {
    let frames = frames.chunks_exact(8).map(word);
    let frames: Vec<u64> = frames.take_while(|address| *address != 0).collect();
    for (number, address) in frames.iter().rev().enumerate() {
        if number > 0 {
            text.push(b';');
        }
        put(names, *address, text);
    }
}

fn put(names: &mut Names, address: u64, text: &mut Vec<u8>) {
    match names.around.find(address) {
        Some(known) => text.extend_from_slice(known.name.as_bytes()),
        None => put_number(format_args!("{address:#x}"), text),
    }
}

impl Around {
    fn find(&mut self, address: u64) -> Option<&Known> {
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
            let symbols = File::open(SYMBOLS)
                .and_then(|file| Symbols::read(BufReader::with_capacity(READ_BYTES, file)));
            let symbols = symbols.unwrap_or_default();
            self.allowance.end(begun);
            self.symbols = Some(symbols);
        }
        self.symbols.as_ref().map(|symbols| symbols.around(address))
    }

    /// Lets go of the list.
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
    /// Each name, and that of its module, with the end of the line behind.
    names: Vec<u8>,
}

impl Symbols {
    /// Reads the lines of `/proc/kallsyms`: address, type, name, and the module in brackets.
    fn read(mut lines: impl BufRead) -> io::Result<Symbols> {
        let mut symbols = Symbols::default();
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            symbols.push(&line);
            line.clear();
        }
        // Of several names of one address the first in the list counts.
        symbols.starts.sort_by_key(|(start, _)| *start);
        symbols.starts.dedup_by_key(|(start, _)| *start);
        Ok(symbols)
    }

    fn push(&mut self, line: &[u8]) {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let address = words.next().and_then(|digits| std::str::from_utf8(digits).ok());
        let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let is_function = matches!(words.next(), Some(b"t" | b"T" | b"w" | b"W"));
        // To those who may not see them all addresses are 0.
        if let (Some(address @ 1..), true, Some(name), Ok(at)) =
            (address, is_function, words.next(), u32::try_from(self.names.len()))
        {
            self.starts.push((address, at));
            self.names.extend_from_slice(name);
        }
    }

    fn around(&self, address: u64) -> Option<Known> {
        let behind = self.starts.partition_point(|(start, _)| *start <= address);
        let (_, at) = *self.starts.get(behind.checked_sub(1)?)?;
        let line = self.names.get(at as usize..)?.split(|byte| *byte == b'\n').next()?;
        let mut words = line.split(|byte| *byte == b'\t');
        let name = String::from_utf8_lossy(words.next()?).into_owned();
        Some(Known { name, is_in_module: words.next().is_some() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Allowance, MOST, Symbols, kernel_stack};
    use crate::names::{Names, addresses_of};
    use nodemon_skip::skip;
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
    fn a_stack_is_folded_with_the_outermost_function_first() {
        let Ok(found) = addresses_of(&["schedule", "do_exit"]) else {
            return skip!("there is no /proc/kallsyms");
        };
        if !rustix::process::geteuid().is_root() {
            return skip!("only root sees addresses");
        }
        let inside = |name: &str| found[name] + 5;
        let frames = [inside("schedule"), inside("do_exit"), 1, 0, inside("schedule")];
        let bytes: Vec<u8> = frames.iter().flat_map(|address| address.to_le_bytes()).collect();
        let mut text = Vec::new();
        kernel_stack(&mut Names::default(), &bytes, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "0x1;do_exit;schedule");
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
