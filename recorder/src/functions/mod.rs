//! Functions of programs and libraries as people name them, found in their files: `libc.so.6:malloc`,
//! `/usr/bin/x:function`, `/usr/bin/x:0x1234`.
//!
//! A file is found among what a process has mapped, or where the loader looks ([`place`]); the
//! function by the symbols of the file ([`symbols`]); and within it the instruction that costs least
//! to be watched ([`instruction`]). Files are others' word: nothing of them is believed that could let
//! a probe be put where it does harm.

mod bounded;
mod instruction;
mod named;
mod place;
mod sandbox;
mod symbols;
#[cfg(test)]
mod tests;

pub use instruction::Watched;

use crate::stacks::Unreadable;
use crate::stacks::opening::Identity;
use named::Functions;
use nodemon_formats::units::nearest;
use nodemon_recorder_ebpf::load::Function;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symbols::Symbols;

/// What names of loaders of glibc begin with.
const LOADERS: [&str; 4] = ["ld-linux", "ld.so", "ld64.so", "ld-2."];

/// What stands for the kernel in front of the colon.
const KERNEL: &str = "kernel";

/// A function that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// For the programs in the kernel; its path is that of the open file.
    pub function: Function,
    /// Where that was found.
    pub path: PathBuf,
    /// Which file that is.
    identity: Identity,
    /// Kept open: what is at its path may have become another one, with other code at the same place.
    _file: Arc<File>,
    /// How far behind the beginning of the function it is watched.
    pub behind: u64,
    /// What it costs there.
    pub watched: Watched,
}

impl Found {
    /// Whether both are at one place of one file.
    pub fn is_same(&self, other: &Found) -> bool {
        self.function.offset == other.function.offset
            && self.identity.is_same_inode(&other.identity)
    }

    /// Whether another file has taken its place: a program that was replaced by a newer one. Of one that
    /// was deleted processes may still run.
    pub fn is_replaced(&self) -> bool {
        Identity::at(&self.path).is_some_and(|now| !now.is_same_inode(&self.identity))
    }

    /// Where it is, in a sentence.
    pub fn told(&self) -> String {
        let Function { name, offset, .. } = &self.function;
        let path = self.path.display();
        let behind = match self.behind {
            0 => String::new(),
            bytes => format!(", {bytes} bytes behind its beginning"),
        };
        let cost = match self.watched {
            Watched::Cheap => "",
            Watched::Stepped => {
                "; the kernel executes that instruction by single step, which takes 5 to 10 µs"
            }
        };
        format!("{name} is watched at {offset:#x} of {path}{behind}{cost}")
    }
}

/// Why a function is not watched.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// It is not written as one is.
    #[error(
        "`{0}` names no function: write FILE:NAME or FILE:0xADDRESS, as in libc.so.6:getaddrinfo"
    )]
    Form(String),
    /// It is one of the kernel.
    #[error("{spec}: of the kernel no function can be watched: {why}")]
    Kernel {
        /// As it was written.
        spec: String,
        /// What is missing.
        why: &'static str,
    },
    /// There is no such process.
    #[error("process {pid} is not there, or does not let this one look: {source}")]
    Process {
        /// Its number.
        pid: u32,
        /// What the kernel answered.
        source: io::Error,
    },
    /// No such file was found.
    #[error("{spec}: there is no file `{file}` {place}{nearest}")]
    NoFile {
        /// As it was written.
        spec: String,
        /// The file.
        file: String,
        /// Where it was looked for.
        place: String,
        /// What may have been meant.
        nearest: String,
    },
    /// The file cannot be read.
    #[error("{spec}: {} cannot be read: {source}", path.display())]
    Read {
        /// As it was written.
        spec: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Unreadable,
    },
    /// It is another kind of file.
    #[error("{spec}: {} is no program and no library of this machine", path.display())]
    NotElf {
        /// As it was written.
        spec: String,
        /// The file.
        path: PathBuf,
    },
    /// The file has no such function.
    #[error("{spec}: there is no function `{name}` in {}{nearest}", path.display())]
    NoSymbol {
        /// As it was written.
        spec: String,
        /// What was looked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// What may have been meant.
        nearest: String,
    },
    /// Nothing that a process has mapped has a function.
    #[error("process {pid} has no function `{name}` that can be watched")]
    NotCalled {
        /// Its number.
        pid: u32,
        /// The function.
        name: String,
    },
    /// The file has several.
    #[error("{spec}: {} has several functions of that name; write an address: {addresses}", path.display())]
    Several {
        /// As it was written.
        spec: String,
        /// The file.
        path: PathBuf,
        /// Where they are.
        addresses: String,
    },
    /// A probe there would do harm, or see nothing.
    #[error("{spec}: {why}")]
    Harmful {
        /// As it was written.
        spec: String,
        /// What it would do.
        why: String,
    },
}

/// Finds a function as it is named in a configuration, in what the process `pid` has mapped or where
/// the loader looks. `proc` is where proc(5) is mounted. Of a file that can throw one is found only where
/// somebody said that it never throws.
///
/// # Errors
/// A sentence that says what is not there, and what may have been meant.
pub fn find(
    proc: &Path,
    spec: &str,
    pid: Option<u32>,
    never_throws: bool,
) -> Result<Found, FunctionError> {
    let form = || FunctionError::Form(spec.to_owned());
    let (file, name) = spec.split_once(':').ok_or_else(form)?;
    if file.is_empty() || name.is_empty() {
        return Err(form());
    }
    if file == KERNEL {
        return Err(FunctionError::Kernel { spec: spec.to_owned(), why: why_not_of_kernel() });
    }
    let harmful = |why: String| FunctionError::Harmful { spec: spec.to_owned(), why };
    if let Some(why) = sandbox::why_harmful(proc, pid) {
        return Err(harmful(why));
    }
    let symbols = Symbols::open(spec, place::find(proc, spec, file, pid)?)?;
    let functions = Functions::of(&symbols);
    let address = match name.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).map_err(|_| form())?,
        None => functions.address_of(spec, name)?,
    };
    let found = found(spec, name, &symbols, &functions, address)?;
    if !never_throws && symbols.can_throw() {
        return Err(harmful(format!(
            "{} can throw, and an exception or a panic that leaves a function which is watched, or \
             passes it, ends the program; throws = \"never\" says that it never happens in these",
            found.path.display()
        )));
    }
    Ok(found)
}

/// Finds functions of those names in all that a process has mapped and that has the first of them:
/// an allocator, and one that was put in its place.
///
/// # Errors
/// When the process is not there, or nothing that it has mapped has the first of them.
pub fn find_called(proc: &Path, pid: u32, names: &[&str]) -> Result<Vec<Found>, FunctionError> {
    if let Some(why) = sandbox::why_harmful(proc, Some(pid)) {
        return Err(FunctionError::Harmful { spec: format!("process {pid}"), why });
    }
    let mut all = Vec::new();
    for (file, place) in place::files(proc, pid)? {
        // The loader of glibc has an allocator of its own until the library is there; that of musl is
        // the library.
        if LOADERS.iter().any(|name| file.starts_with(name)) {
            continue;
        }
        let Ok(symbols) = Symbols::open(&file, place) else { continue };
        let functions = Functions::of(&symbols);
        let found = |name: &&str| {
            // Most files have none: it costs no search for what may have been meant.
            if !functions.has(name) {
                return None;
            }
            let spec = format!("{file}:{name}");
            let address = functions.address_of(&spec, name).ok()?;
            found(&spec, name, &symbols, &functions, address).ok()
        };
        if names.first().is_some_and(|first| found(first).is_some()) {
            all.extend(names.iter().filter_map(found));
        }
    }
    match names.first().filter(|_| all.is_empty()) {
        Some(name) => Err(FunctionError::NotCalled { pid, name: (*name).to_owned() }),
        None => Ok(all),
    }
}

fn found(
    spec: &str,
    name: &str,
    symbols: &Symbols,
    functions: &Functions<'_>,
    address: u64,
) -> Result<Found, FunctionError> {
    let harmful = |why: String| FunctionError::Harmful { spec: spec.to_owned(), why };
    functions.check(address).map_err(harmful)?;
    let offset = symbols.offset_of(address);
    let offset = offset.ok_or_else(|| harmful(format!("{address:#x} is not in its code")))?;
    let Some((behind, watched)) = instruction::choose(&functions.code(address)) else {
        return Err(harmful(
            "it begins with a loop, of which each round would count as a call".to_owned(),
        ));
    };
    let (file, offset) = (symbols.file(), offset + behind);
    let function = Function {
        name: spec.to_owned(),
        symbol: name.to_owned(),
        path: symbols::by_descriptor(&*file),
        offset,
    };
    let (path, identity) = (symbols.path().to_owned(), symbols.identity());
    Ok(Found { function, path, identity, _file: file, behind, watched })
}

/// Whether the kernel has kprobes shows in a directory of sysfs.
fn why_not_of_kernel() -> &'static str {
    match Path::new("/sys/bus/event_source/devices/kprobe").exists() {
        true => "name a function of a program or of a library",
        false => "this one has no kprobes (CONFIG_KPROBES)",
    }
}

/// The end of a sentence that names the nearest of what there is, or nothing.
fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
