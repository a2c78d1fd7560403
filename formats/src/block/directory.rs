//! The directory of a block: for each column its coder and its rollup, the presences, the keys of
//! the instances, the strings. Kept column by column itself, because likes compress.

use super::BlockError;
use super::coder::{Analysis, Coder};
use super::header::BlockHeader;
use super::presence::{put_runs, take_runs};
use super::stacks::{StackBuilder, StackDictionary};
use super::times::take_times;
use super::wire::{Wire, put_planes, put_varint, unzigzag, zigzag};
use crate::chunk::{Presence, Strings};
use crate::interner::Interner;
use crate::narrow::count32;
use crate::schema::{Column, ColumnType, Semantics};

const SPARSE: u8 = 1;
const SHUFFLE: u8 = 2;
const CODER_BITS: u8 = 0b11;
const WIDTH_SHIFT: u8 = 2;
const HAS_DIVISOR: u8 = 1 << 5;
const OWN_PRESENCE: u8 = 1 << 6;
const IRREGULAR: u8 = 1 << 7;

/// Whether a column's smallest, largest and sum are kept.
fn is_rolled_up(column: &Column) -> bool {
    column.semantics == Semantics::Gauge
        && matches!(column.kind, ColumnType::U64 | ColumnType::I64 | ColumnType::F64)
}

/// Collects a directory.
#[derive(Default)]
pub struct DirectoryBuilder {
    tags: Vec<u8>,
    firsts: Vec<u64>,
    grown: Vec<u64>,
    below: Vec<u64>,
    above: Vec<u64>,
    sums: Vec<u64>,
    integers: Vec<u8>,
    presence_runs: Vec<u8>,
    presences: u32,
    instance_presence: Vec<u8>,
    rollups: bool,
}

/// The numbers under which instances and columns name a presence: the first two are not stored.
const PRESENT_ALWAYS: u64 = 0;
const PRESENT_NEVER: u64 = 1;
const PRESENCES_FIXED: usize = 2;

/// More bits than the presences of any block have: a few bytes can claim to be that many.
const MOST_PRESENCE_BITS: usize = 1 << 29;

impl DirectoryBuilder {
    /// Starts a new directory, with rollups or without; keeps the memory.
    pub fn start(&mut self, rollups: bool) {
        self.rollups = rollups;
        self.tags.clear();
        self.firsts.clear();
        self.grown.clear();
        self.below.clear();
        self.above.clear();
        self.sums.clear();
        self.integers.clear();
        self.presence_runs.clear();
        self.presences = 0;
        self.instance_presence.clear();
    }

    fn presence_number(&mut self, bits: &[u64], present: usize, rows: usize) -> u64 {
        match present {
            0 => PRESENT_NEVER,
            all if all == rows => PRESENT_ALWAYS,
            _ => {
                put_runs(&mut self.presence_runs, bits, rows);
                self.presences += 1;
                u64::from(self.presences) - 1 + PRESENCES_FIXED as u64
            }
        }
    }

    /// Adds the presence of the next instance. Not to be called for uniform rows.
    pub fn instance(&mut self, bits: &[u64], present: usize, rows: usize) {
        let number = self.presence_number(bits, present, rows);
        put_varint(&mut self.instance_presence, number);
    }

    /// Adds the next column. `own_presence` is given where some of the instance's rows lack this
    /// value; `sparse_bytes` is the length of a sparse payload.
    pub fn column(
        &mut self,
        analysis: &Analysis,
        column: &Column,
        sparse_bytes: usize,
        own_presence: Option<(&[u64], usize, usize)>,
    ) {
        let mut tag = match analysis.coder {
            Coder::Constant => 0,
            Coder::Sparse => SPARSE,
            Coder::Shuffle(width) => SHUFFLE | (width - 1) << WIDTH_SHIFT,
        };
        if analysis.irregular {
            tag |= IRREGULAR;
        }
        if analysis.divisor > 1 {
            tag |= HAS_DIVISOR;
            put_varint(&mut self.integers, analysis.divisor);
        }
        if analysis.coder == Coder::Sparse {
            put_varint(&mut self.integers, sparse_bytes as u64);
        }
        if let Some((bits, present, rows)) = own_presence {
            tag |= OWN_PRESENCE;
            let number = self.presence_number(bits, present, rows);
            put_varint(&mut self.integers, number);
        }
        self.tags.push(tag);
        self.firsts.push(analysis.first);
        if analysis.coder == Coder::Constant || !self.rollups {
            return;
        }
        let from_first = |word: u64| zigzag(word.wrapping_sub(analysis.first).cast_signed());
        self.grown.push(from_first(analysis.last));
        if is_rolled_up(column) {
            self.below.push(from_first(analysis.min));
            self.above.push(from_first(analysis.max));
            self.sums.push(match column.kind {
                ColumnType::F64 => analysis.sum,
                _ => zigzag(analysis.sum.cast_signed()),
            });
        }
    }

    /// Writes the directory, with the key words of the instances and the strings.
    pub fn put(&self, out: &mut Vec<u8>, keys: &[u64], strings: &Interner, stacks: &StackBuilder) {
        out.extend_from_slice(&self.tags);
        put_planes(out, &self.firsts);
        put_planes(out, &self.grown);
        put_planes(out, &self.below);
        put_planes(out, &self.above);
        put_planes(out, &self.sums);
        out.extend_from_slice(&self.integers);
        put_varint(out, u64::from(self.presences));
        out.extend_from_slice(&self.presence_runs);
        out.extend_from_slice(&self.instance_presence);
        put_planes(out, keys);
        put_varint(out, strings.len() as u64);
        let mut start = 0;
        for &end in strings.ends() {
            put_varint(out, u64::from(end - start));
            start = end;
        }
        out.extend_from_slice(strings.bytes());
        if !stacks.is_empty() {
            stacks.put(out);
        }
    }
}

/// A directory, read back. Vectors of columns are indexed `value * instances + instance`.
pub struct Directory {
    tags: Vec<u8>,
    /// The first word of each column.
    pub firsts: Vec<u64>,
    /// The last word; without rollups, the first of a column that changes.
    pub lasts: Vec<u64>,
    /// The smallest word; of columns without one, the first.
    pub mins: Vec<u64>,
    /// The largest word; of columns without one, the last.
    pub maxs: Vec<u64>,
    /// See [`Analysis::sum`].
    pub sums: Vec<u64>,
    /// The divisor of each column's changes.
    pub divisors: Vec<u64>,
    /// Lengths of sparse payloads; 0 for other columns.
    pub sparse_bytes: Vec<u32>,
    /// Presence of each instance; empty when rows are uniform.
    pub instances: Vec<Presence>,
    /// Presence of columns that have one of their own, by column, ascending.
    own: Vec<(u32, Presence)>,
    /// Key words of the instances, instance by instance.
    pub keys: Vec<u64>,
    /// The strings.
    pub strings: Strings,
    /// `CLOCK_BOOTTIME` ns of each row.
    pub times: Vec<u64>,
}

impl Directory {
    /// Reads a directory. `columns` are the row columns of the table's schema.
    pub fn take(
        bytes: &[u8],
        header: &BlockHeader,
        columns: &[&Column],
    ) -> Result<Directory, BlockError> {
        let mut wire = Wire::new(bytes, "directory");
        let count = header.columns();
        let instances = header.instances as usize;
        let rows = header.rows as usize;
        let tags = wire.take(count)?.to_vec();
        let firsts = wire.planes(count)?;
        let rolled: Vec<bool> = columns.iter().map(|column| is_rolled_up(column)).collect();
        let changed = |at: &usize| header.has_rollups() && tags[*at] & CODER_BITS != 0;
        let changing: Vec<usize> = (0..count).filter(changed).collect();
        let rolling: Vec<usize> =
            changing.iter().copied().filter(|at| rolled[at / instances]).collect();
        let mut lasts = firsts.clone();
        let offset = |base: u64, by: u64| base.wrapping_add(unzigzag(by).cast_unsigned());
        for (&at, by) in changing.iter().zip(wire.planes(changing.len())?) {
            lasts[at] = offset(firsts[at], by);
        }
        let mut mins = firsts.clone();
        for (&at, by) in rolling.iter().zip(wire.planes(rolling.len())?) {
            mins[at] = offset(firsts[at], by);
        }
        let mut maxs = lasts.clone();
        for (&at, by) in rolling.iter().zip(wire.planes(rolling.len())?) {
            maxs[at] = offset(firsts[at], by);
        }
        let mut sums = vec![0; count];
        for (&at, sum) in rolling.iter().zip(wire.planes(rolling.len())?) {
            let is_float = columns[at / instances].kind == ColumnType::F64;
            sums[at] = if is_float { sum } else { unzigzag(sum).cast_unsigned() };
        }
        let mut directory = Directory {
            divisors: vec![1; count],
            sparse_bytes: vec![0; count],
            instances: Vec::new(),
            own: Vec::new(),
            keys: Vec::new(),
            strings: Strings::default(),
            times: Vec::new(),
            tags,
            firsts,
            lasts,
            mins,
            maxs,
            sums,
        };
        let own = directory.take_integers(&mut wire)?;
        let mut presences = vec![Presence::All, Presence::None];
        let most = (MOST_PRESENCE_BITS / rows.max(1)).min(bytes.len());
        for _ in 0..wire.count(most)? {
            presences.push(take_runs(&mut wire, rows)?);
        }
        let presence =
            |number: usize| presences.get(number).cloned().ok_or(BlockError::Layout("directory"));
        for (column, number) in own {
            directory.own.push((column, presence(number)?));
        }
        if !header.is_uniform() {
            for _ in 0..instances {
                directory.instances.push(presence(wire.count(usize::MAX)?)?);
            }
        }
        directory.keys = wire.planes(instances * header.key_width as usize)?;
        let strings = wire.count(bytes.len())?;
        directory.take_strings(&mut wire, strings)?;
        if header.has_stacks() {
            let stacks = StackDictionary::take(&mut wire, strings)?;
            directory.take_stacks(&stacks, header.most_stack_bytes())?;
        }
        directory.times = take_times(&mut wire, header.first_ns, rows)?;
        wire.end()?;
        Ok(directory)
    }

    fn take_integers(&mut self, wire: &mut Wire<'_>) -> Result<Vec<(u32, usize)>, BlockError> {
        let mut own = Vec::new();
        for at in 0..self.tags.len() {
            let tag = self.tags[at];
            if tag & HAS_DIVISOR != 0 {
                self.divisors[at] = wire.varint()?;
            }
            match tag & CODER_BITS {
                SPARSE => self.sparse_bytes[at] = count32(wire.count(u32::MAX as usize)?),
                0 | SHUFFLE => {}
                _ => return Err(BlockError::Layout("directory")),
            }
            if tag & OWN_PRESENCE != 0 {
                own.push((count32(at), wire.count(usize::MAX)?));
            }
        }
        Ok(own)
    }

    fn take_strings(&mut self, wire: &mut Wire<'_>, count: usize) -> Result<(), BlockError> {
        let mut end = 0u32;
        for _ in 0..count {
            let length = wire.count((u32::MAX - end) as usize)?;
            end += count32(length);
            self.strings.ends.push(end);
        }
        self.strings.bytes = wire.take(end as usize)?.to_vec();
        Ok(())
    }

    /// Writes stacks out, in the place of the empty strings that are there for them.
    fn take_stacks(
        &mut self,
        stacks: &StackDictionary<'_>,
        most_stack_bytes: usize,
    ) -> Result<(), BlockError> {
        let plain = std::mem::take(&mut self.strings);
        let most_bytes = plain.bytes.len() + most_stack_bytes;
        let mut nodes = stacks.stacks().iter().copied().peekable();
        for number in 0..count32(plain.ends.len()) {
            match nodes.next_if(|(stack, _)| *stack == number) {
                Some((_, node)) => stacks.put(node, most_bytes, &mut self.strings.bytes)?,
                None => self.strings.bytes.extend_from_slice(plain.get(u64::from(number))),
            }
            self.strings.ends.push(count32(self.strings.bytes.len()));
        }
        Ok(())
    }

    /// The coder of a column.
    pub fn coder(&self, column: usize) -> Coder {
        let tag = self.tags[column];
        match tag & CODER_BITS {
            SPARSE => Coder::Sparse,
            SHUFFLE => Coder::Shuffle((tag >> WIDTH_SHIFT & 0b111) + 1),
            _ => Coder::Constant,
        }
    }

    /// Whether the rollup of a column cannot stand for its rows.
    pub fn is_irregular(&self, column: usize) -> bool {
        self.tags[column] & IRREGULAR != 0
    }

    /// In which rows an instance is there.
    pub fn instance(&self, instance: usize) -> &Presence {
        self.instances.get(instance).unwrap_or(&Presence::All)
    }

    /// In which rows a column has a value.
    pub fn presence(&self, column: usize, instance: usize) -> &Presence {
        match self.own.binary_search_by_key(&count32(column), |(at, _)| *at) {
            Ok(at) => &self.own[at].1,
            Err(_) => self.instance(instance),
        }
    }
}
