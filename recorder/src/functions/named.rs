//! The functions of a file by their names, and whether one can be watched.

use super::symbols::{Named, Symbols};
use super::{FunctionError, did_you_mean};
use crate::stacks::demangled;
use memchr::memmem;
use object::elf;
use std::collections::BTreeMap;

/// The code of larger functions is not read.
const MOST_CODE_BYTES: u64 = 1 << 20;
/// A name that is longer or shorter by so much is not what was meant.
const NEAR_BYTES: usize = 4;
/// So many addresses are named where there are several.
const MOST_NAMED: usize = 4;

/// They return more than once, or to where they were not called from.
const RETURN_OTHERWISE: [&str; 13] = [
    "setjmp",
    "_setjmp",
    "sigsetjmp",
    "__sigsetjmp",
    "vfork",
    "__vfork",
    "clone",
    "__clone",
    "getcontext",
    "swapcontext",
    "_start",
    "_dl_start_user",
    "__restore_rt",
];

/// The same of those whose names begin with this: the loader calls them with something else on the stack.
const ON_ANOTHER_STACK: &[u8] = b"_dl_runtime_resolve";

/// The functions of a file.
pub(super) struct Functions<'a> {
    file: &'a Symbols,
    all: Vec<Named<'a>>,
}

/// Whether a name is that of a part of a function that the compiler took out of it.
fn is_seldom(name: &[u8]) -> bool {
    name.ends_with(b".cold") || memmem::find(name, b".cold.").is_some()
}

impl<'a> Functions<'a> {
    /// Those of the table with all of them, which may have been stripped, and of the one with those that
    /// other files call.
    pub(super) fn of(file: &Symbols) -> Functions<'_> {
        let tables = [elf::SHT_SYMTAB, elf::SHT_DYNSYM].map(|kind| file.functions_of(kind));
        Functions { file, all: tables.into_iter().flatten().flatten().collect() }
    }

    /// Whether there is a function of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|function| function.name == name.as_bytes())
    }

    /// Where the function of a name begins.
    pub(super) fn address_of(&self, spec: &str, name: &str) -> Result<u64, FunctionError> {
        let mut found: Vec<&Named<'_>> =
            self.all.iter().filter(|function| function.name == name.as_bytes()).collect();
        if found.is_empty() {
            let is_it = |function: &&Named<'_>| *demangled(function.name) == *name.as_bytes();
            found = self.all.iter().filter(is_it).collect();
        }
        if found.iter().any(|function| function.is_plain) {
            found.retain(|function| function.is_plain);
        }
        let harmful =
            |why: &str| Err(FunctionError::Harmful { spec: spec.to_owned(), why: why.to_owned() });
        if found.iter().any(|function| function.is_indirect) {
            return harmful(
                "it only chooses one of several functions when the program is loaded; name the one \
                 that it chooses here",
            );
        }
        let at: BTreeMap<u64, ()> = found.iter().map(|function| (function.address, ())).collect();
        match at.first_key_value() {
            Some((address, ())) if at.len() == 1 => Ok(*address),
            Some(_) => {
                let named = at.keys().take(MOST_NAMED).map(|address| format!("{address:#x}"));
                let addresses = named.collect::<Vec<_>>().join(", ");
                let (spec, path) = (spec.to_owned(), self.file.path().to_owned());
                Err(FunctionError::Several { spec, path, addresses })
            }
            None => Err(self.no_symbol(spec, name)),
        }
    }

    fn no_symbol(&self, spec: &str, name: &str) -> FunctionError {
        let text = |function: &Named<'_>| match name.contains("::") {
            true => String::from_utf8_lossy(&demangled(function.name)).into_owned(),
            false => String::from_utf8_lossy(function.name).into_owned(),
        };
        let is_near = |text: &String| text.len().abs_diff(name.len()) <= NEAR_BYTES;
        let names: Vec<String> = self.all.iter().map(text).filter(is_near).collect();
        let nearest = match self.all.is_empty() {
            true => "; it was stripped of its symbols: write an address".to_owned(),
            false => did_you_mean(name, names.iter().map(String::as_str)),
        };
        let (spec, name, path) = (spec.to_owned(), name.to_owned(), self.file.path().to_owned());
        FunctionError::NoSymbol { spec, name, path, nearest }
    }

    /// Whether a function begins at an address whose return can be seen. What is put elsewhere would
    /// write over an instruction, or over what lies on the stack, and end the program.
    pub(super) fn check(&self, address: u64) -> Result<(), String> {
        if self.all.iter().any(|of| matches!(of.name, b"runtime.goexit" | b"runtime.goexit.abi0")) {
            return Err(
                "programs in Go move their stacks, and would end with a probe of a return \
                        there"
                    .to_owned(),
            );
        }
        if self.file.is_no_call(address) {
            return Err(format!("what is at {address:#x} is not called, and returns to nowhere"));
        }
        let mut here = self.all.iter().filter(|function| function.address == address).peekable();
        if here.peek().is_none() {
            let around = self.all.iter().find(|function| {
                address.checked_sub(function.address).is_some_and(|behind| behind < function.bytes)
            });
            return match around {
                Some(around) => Err(format!(
                    "{address:#x} is within `{}`, which begins at {:#x}",
                    String::from_utf8_lossy(&demangled(around.name)),
                    around.address
                )),
                None if self.file.begins_by_unwind_table(address) => Ok(()),
                None => Err(format!("no function begins at {address:#x}")),
            };
        }
        let other = |function: &&Named<'_>| {
            RETURN_OTHERWISE.iter().any(|name| name.as_bytes() == function.name)
                || function.name.starts_with(ON_ANOTHER_STACK)
                || is_seldom(function.name)
        };
        match here.find(other) {
            Some(function) => Err(format!(
                "`{}` does not return once to where it was called from, and would end the program \
                 with a probe there",
                String::from_utf8_lossy(function.name)
            )),
            None => Ok(()),
        }
    }

    /// The code of the function that begins at an address, with that of the part that the compiler
    /// took out of it because it seldom runs, each with its address. Empty where it is not known where
    /// it ends.
    pub(super) fn code(&self, address: u64) -> Vec<(u64, &'a [u8])> {
        let mut parts = Vec::new();
        for function in self.all.iter().filter(|function| function.address == address) {
            let cold = [function.name, b".cold"].concat();
            let seldom = self.all.iter().filter(|other| other.name == cold);
            for part in [function].into_iter().chain(seldom) {
                let bytes = part.bytes.min(MOST_CODE_BYTES);
                let offset = self.file.offset_of(part.address);
                let code = offset.and_then(|at| self.file.bytes_at(at, bytes));
                match code {
                    Some(code) if part.bytes == bytes => parts.push((part.address, code)),
                    _ => return Vec::new(),
                }
            }
            if !parts.is_empty() {
                break;
            }
        }
        parts
    }
}
