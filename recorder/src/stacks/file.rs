//! A file with code that processes have mapped: its functions, and how they are left.
//!
//! What was found at an address is remembered. The file itself is open for a few batches only, so
//! that nobody who unmounts its disk waits for the recorder.

use super::asking::{Asking, Whom, is_local};
use super::bytes::Bytes;
use super::demangle::demangled;
use super::elf::Elf;
use super::maps::{FileKey, Mapping, VDSO};
use super::opening::{self, Identity, Unreadable};
use super::rule::Rule;
use super::symbols::Index;
use super::unwind_table::Entries;
use nodemon_formats::narrow;
use std::collections::HashMap;
use std::path::Path;

/// So many addresses of a file are remembered, and so many names. When they are full they are
/// forgotten: what is still wanted comes back.
const MOST_PLACES: usize = 8192;
const MOST_NAMES: usize = 8192;
/// Batches for which a file is left open that nobody asked of anything new.
const OPEN_BATCHES: u64 = 8;

/// A mapping of a file, and the process that can lead to it.
#[derive(Clone, Copy)]
pub(super) struct Mapped<'a> {
    pub(super) proc: &'a Path,
    pub(super) pid: u32,
    pub(super) mapping: &'a Mapping,
    pub(super) key: FileKey,
    /// The number of the batch.
    pub(super) batch: u64,
    pub(super) asking: &'a Asking,
}

/// What is known of an address.
#[derive(Default, Clone, Copy)]
struct Place {
    rule: Option<Rule>,
    name: Name,
}

#[derive(Default, Clone, Copy)]
enum Name {
    #[default]
    NotAsked,
    Unknown,
    Number(u32),
}

enum State {
    Closed,
    Open(Bytes),
    /// It could not be opened in this batch.
    Refused(u64),
}

pub(super) struct File {
    state: State,
    identity: Option<Identity>,
    /// When it was made, ns; 0 where that is not known.
    born_ns: u64,
    elf: Option<Elf>,
    /// By how far an address is behind the lowest one.
    places: HashMap<u32, Place>,
    names: Vec<Box<[u8]>>,
    names_bytes: usize,
    /// The number of a function's name, by where it begins.
    functions: HashMap<u32, u32>,
    index: Option<Index>,
    index_used_in: u64,
    opened_in: u64,
    pub(super) used_in: u64,
}

impl File {
    pub(super) fn new() -> File {
        File {
            state: State::Closed,
            identity: None,
            born_ns: 0,
            elf: None,
            places: HashMap::new(),
            names: Vec::new(),
            names_bytes: 0,
            functions: HashMap::new(),
            index: None,
            index_used_in: 0,
            opened_in: 0,
            used_in: 0,
        }
    }

    /// How a function is left at an offset of the file, and whether the file says so of any.
    pub(super) fn rule(&mut self, of: &Mapped<'_>, offset: u64, entries: &mut Entries) -> Rule {
        let Some((address, place)) = self.place(of, offset) else { return Rule::Uncovered };
        if let Some(rule) = self.places.get(&place).and_then(|place| place.rule) {
            return rule;
        }
        let Some((file, elf)) = self.opened(of) else { return Rule::Uncovered };
        let rule = entries.row(file, elf, address, Rule::of).unwrap_or(Rule::Uncovered);
        self.remember(place).rule = Some(rule);
        rule
    }

    /// Hands `take` the whole row for an offset, which is not remembered.
    pub(super) fn with_row<T>(
        &mut self,
        of: &Mapped<'_>,
        offset: u64,
        entries: &mut Entries,
        take: impl FnOnce(&super::unwind_table::Row<'_>) -> T,
    ) -> Option<T> {
        let (address, _) = self.place(of, offset)?;
        let (file, elf) = self.opened(of)?;
        entries.row(file, elf, address, take)
    }

    /// Whether it has a table of how functions are left.
    pub(super) fn has_unwind_table(&self) -> bool {
        self.elf.as_ref().is_some_and(|elf| elf.unwind_table.is_some())
    }

    /// Whether it is known to be an ELF file.
    pub(super) fn is_elf(&self) -> bool {
        self.elf.is_some()
    }

    /// In hexadecimal digits, empty where it is not known.
    pub(super) fn build_id(&self) -> &[u8] {
        self.elf.as_ref().map_or(b"", |elf| &elf.build_id)
    }

    /// The function at an offset of the file, empty where it is not known.
    pub(super) fn name(&mut self, of: &Mapped<'_>, offset: u64) -> &[u8] {
        let Some((_, place)) = self.place(of, offset) else { return b"" };
        let mut name = self.places.get(&place).map_or(Name::NotAsked, |place| place.name);
        if let Name::NotAsked = name
            && let Some(asked) = self.ask_name(of, place)
        {
            name = asked;
            self.remember(place).name = name;
        }
        match name {
            Name::Number(number) => self.names.get(number as usize).map_or(b"", |name| name),
            Name::Unknown | Name::NotAsked => b"",
        }
    }

    /// `None` where the file cannot be asked now.
    fn ask_name(&mut self, of: &Mapped<'_>, address: u32) -> Option<Name> {
        self.index_used_in = of.batch;
        self.opened(of)?;
        let (State::Open(file), Some(elf)) = (&self.state, &self.elf) else { return None };
        if elf.symbols.is_none() {
            return Some(Name::Unknown);
        }
        if self.index.is_none() {
            self.index = Index::read(file, elf);
        }
        let found = self.index.as_ref().and_then(|index| index.find(file, address));
        let Some(found) = found else { return Some(Name::Unknown) };
        if let Some(number) = self.functions.get(&found.start) {
            return Some(Name::Number(*number));
        }
        if self.names.len() >= MOST_NAMES {
            self.forget();
        }
        let number = narrow::count32(self.names.len());
        let name = demangled(&found.name);
        self.names_bytes += name.len();
        self.names.push(name);
        self.functions.insert(found.start, number);
        Some(Name::Number(number))
    }

    fn remember(&mut self, place: u32) -> &mut Place {
        if self.places.len() >= MOST_PLACES && !self.places.contains_key(&place) {
            self.places.clear();
        }
        self.places.entry(place).or_default()
    }

    /// The address of the code at an offset, and how far it is behind the lowest one.
    fn place(&mut self, of: &Mapped<'_>, offset: u64) -> Option<(u64, u32)> {
        let born_ns = of.mapping.born_ns;
        if born_ns != 0 && self.born_ns != born_ns {
            // Another one has its number now.
            if self.born_ns != 0 {
                (self.elf, self.index, self.state) = (None, None, State::Closed);
                self.forget();
            }
            self.born_ns = born_ns;
        }
        if self.elf.is_none() {
            self.opened(of)?;
        }
        let elf = self.elf.as_ref()?;
        let address = elf.address_of(offset)?;
        Some((address, elf.behind_base(address)?))
    }

    /// The file, opened where it is not.
    fn opened(&mut self, of: &Mapped<'_>) -> Option<(&Bytes, &Elf)> {
        let is_closed = match &self.state {
            State::Open(_) => false,
            State::Closed => true,
            State::Refused(batch) => *batch != of.batch,
        };
        if is_closed && let Err(error) = self.open(of) {
            self.state = State::Refused(of.batch);
            if self.elf.is_none() {
                let path = String::from_utf8_lossy(&of.mapping.path);
                tracing::debug!(pid = of.pid, "the code of {path} is not read: {error}");
            }
        }
        self.opened_in = of.batch;
        match (&self.state, &self.elf) {
            (State::Open(file), Some(elf)) => Some((file, elf)),
            _ => None,
        }
    }

    fn open(&mut self, of: &Mapped<'_>) -> Result<(), Unreadable> {
        let (file, identity) = match of.key {
            VDSO => (opening::own_vdso()?, None),
            key => {
                let (proc, pid, mapping) = (of.proc.to_owned(), of.pid, of.mapping.clone());
                let open = move || {
                    let (file, identity) = opening::open_mapped(&proc, pid, &mapping, key)?;
                    let is_local = is_local(&file);
                    Ok::<_, Unreadable>((file, is_local, identity))
                };
                let opened = of.asking.ask(Whom::Process(pid), open);
                let (file, is_local, identity) = opened.ok_or(Unreadable::NoAnswer)??;
                let file = Bytes::of(file, is_local, Whom::File(key), of.asking);
                (file, Some(identity))
            }
        };
        if self.elf.is_none() || self.identity != identity {
            self.elf = None;
            self.index = None;
            self.forget();
            self.elf = Some(Elf::read(&file).ok_or(Unreadable::NotElf)?);
            self.identity = identity;
        }
        self.state = State::Open(file);
        Ok(())
    }

    /// Forgets what was found at addresses.
    pub(super) fn forget(&mut self) {
        self.places = HashMap::new();
        self.names = Vec::new();
        self.names_bytes = 0;
        self.functions = HashMap::new();
    }

    /// Closes it where nothing new was asked lately.
    pub(super) fn settle(&mut self, batch: u64) {
        if self.opened_in + OPEN_BATCHES < batch && matches!(self.state, State::Open(_)) {
            self.state = State::Closed;
        }
    }

    /// When the index was asked for a name, and the bytes that it takes.
    pub(super) fn index_use(&self) -> Option<(u64, usize)> {
        self.index.as_ref().map(|index| (self.index_used_in, index.bytes()))
    }

    pub(super) fn drop_index(&mut self) {
        self.index = None;
    }

    /// Bytes of what was found at addresses, about.
    pub(super) fn bytes(&self) -> usize {
        const OF_NAME: usize = size_of::<Box<[u8]>>() + 16;
        self.places.capacity() * (size_of::<(u32, Place)>() + 1)
            + self.functions.capacity() * (size_of::<(u32, u32)>() + 1)
            + self.names.capacity() * OF_NAME
            + self.names_bytes
    }
}
