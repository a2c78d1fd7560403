//! Functions and variables of the kernel, by their addresses.

use super::{Names, put_number, word};
use crate::allocator;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

pub(super) const SYMBOLS: &str = "/proc/kallsyms";

/// Functions that were asked for before.
#[derive(Default)]
pub(super) struct Functions {
    known: HashMap<u64, Option<Known>>,
    /// All symbols of the kernel, some megabytes, while more are likely to be asked for.
    symbols: Option<Vec<u8>>,
    modules: Modules,
}

/// A function, by its address.
pub(super) struct Known {
    pub name: String,
    /// Those of modules may have others in their place one day.
    pub is_in_module: bool,
}

/// The name of a function of the kernel, given its address: `tcp_write_timer`. One that has none, or
/// whose address this process may not see, stays a number: `0xffffffff81234560`.
pub fn function(names: &mut Names, address: &[u8], text: &mut Vec<u8>) {
    let address = word(address);
    match names.functions.find(address) {
        Some(known) => text.extend_from_slice(known.name.as_bytes()),
        None => put_number(format_args!("{address:#x}"), text),
    }
}

/// The addresses of variables of the kernel, of those that it tells.
///
/// # Errors
/// When there is no `/proc/kallsyms`.
pub(crate) fn addresses_of(variables: &[&str]) -> io::Result<HashMap<String, u64>> {
    let symbols = std::fs::read(SYMBOLS)?;
    let found = lines(&symbols).filter(|(_, name, module)| {
        module.is_none() && variables.iter().any(|variable| variable.as_bytes() == *name)
    });
    let named = |(address, name, _): (&[u8], &[u8], _)| {
        let address = u64::from_str_radix(std::str::from_utf8(address).ok()?, 16).ok()?;
        Some((String::from_utf8_lossy(name).into_owned(), address))
    };
    // To those who may not see them all are 0.
    let addresses = found.filter_map(named).filter(|(_, address)| *address != 0).collect();
    drop(symbols);
    allocator::give_back();
    Ok(addresses)
}

/// The address, the name and the module of every symbol.
fn lines(symbols: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], Option<&[u8]>)> {
    symbols.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\t'));
        let address = words.next()?;
        let name = words.nth(1)?;
        Some((address, name, words.next()))
    })
}

impl Functions {
    fn find(&mut self, address: u64) -> Option<&Known> {
        let Functions { known, symbols, .. } = self;
        let look_up = || {
            let symbols = symbols.get_or_insert_with(|| std::fs::read(SYMBOLS).unwrap_or_default());
            look_up(symbols, address)
        };
        known.entry(address).or_insert_with(look_up).as_ref()
    }

    /// Lets go of the list of symbols, which takes some 10 MB.
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

fn look_up(symbols: &[u8], address: u64) -> Option<Known> {
    let start = format!("{address:016x} ");
    let at = memchr::memmem::find_iter(symbols, start.as_bytes())
        .find(|at| at.checked_sub(1).is_none_or(|before| symbols[before] == b'\n'))?;
    let (_, name, module) = lines(&symbols[at..]).next()?;
    Some(Known { name: String::from_utf8_lossy(name).into_owned(), is_in_module: module.is_some() })
}

/// Which modules are loaded, and where, as one number.
#[derive(Default)]
pub(super) struct Modules(u64);

impl Modules {
    /// Whether others are loaded than when this was asked last.
    pub fn have_changed(&mut self) -> bool {
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
    use super::{addresses_of, look_up};
    use crate::names::{Names, function};
    use nodemon_skip::skip;

    const SOME: &[u8] = b"ffffffff81000000 T _stext\nffffffff81000040 t here\nffffffffc0001000 t \
                          there\t[module]\n";

    #[test]
    fn a_function_is_found_by_its_address_and_its_module_is_known() {
        let found = |address| look_up(SOME, address).map(|known| (known.name, known.is_in_module));
        assert_eq!(found(0xffff_ffff_8100_0040), Some(("here".to_owned(), false)));
        assert_eq!(found(0xffff_ffff_c000_1000), Some(("there".to_owned(), true)));
        assert_eq!(found(0xffff_ffff_8100_0041), None);
    }

    #[test]
    fn what_is_no_function_stays_a_number() {
        let (mut names, mut text) = (Names::default(), Vec::new());
        function(&mut names, &1_u64.to_le_bytes(), &mut text);
        assert_eq!(text, b"0x1");
        names.forget();
    }

    #[test]
    fn a_symbol_that_there_is_has_an_address_and_one_that_there_is_not_has_none() {
        let Ok(found) = addresses_of(&["schedule", "there_is_no_such_symbol"]) else {
            return skip!("there is no /proc/kallsyms");
        };
        assert!(!found.contains_key("there_is_no_such_symbol"));
        if !rustix::process::geteuid().is_root() {
            return skip!("in part: only root sees addresses");
        }
        let mut text = Vec::new();
        function(&mut Names::default(), &found["schedule"].to_le_bytes(), &mut text);
        assert_eq!(text, b"schedule", "the address of a function leads back to its name");
    }
}
