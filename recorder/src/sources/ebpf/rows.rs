//! Rows of the kernel into records.

use super::unwinding::Unwinding;
use crate::redact::Redactor;
use nodemon_formats::histogram::Histogram;
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::stack::{Frame, put_frame};
use nodemon_recorder_ebpf::drain::Row;
use nodemon_recorder_ebpf::feature::{Column, Layout, Place, Show, Table};
use nodemon_recorder_ebpf::names::{self, KernelFrame, Names};
use nodemon_recorder_ebpf::stack::UserStack;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::sync::Arc;

/// The column with the command line of a process.
const ARGUMENTS: &str = "arguments";

/// How old what a row is about was when it was told.
const AGE: &str = "age_ns";
/// Where that is.
const ADDRESS: &str = "address";

/// What is kept of an event that is told later.
pub struct Parts<'a> {
    /// Where what it is about is.
    pub address: u64,
    /// What is in front of its stack.
    pub row: &'a [u8],
    /// Its stack, as a cell.
    pub stack: Vec<u8>,
}

/// Puts rows of one table into its record.
pub struct RowEncoder<'a> {
    /// The table.
    pub table: &'static Table,
    /// Where its columns are.
    pub layout: Arc<Layout>,
    /// What numbers are called.
    pub names: &'a mut Names,
    /// A buffer for text.
    pub text: &'a mut Vec<u8>,
    /// What makes stacks of registers and memory.
    pub unwinding: &'a mut Unwinding,
    /// What of command lines is recorded.
    pub redactor: &'a mut Redactor,
    /// The record.
    pub builder: &'a mut RecordBuilder,
    /// Rows of the sample so far.
    pub rows: usize,
    /// What the keys of those rows are, hashed.
    pub seen: &'a mut HashSet<u64>,
}

impl RowEncoder<'_> {
    /// Begins a sample of all rows.
    pub fn begin_sample(&mut self, time_ns: u64) {
        self.seen.clear();
        self.builder.begin_sample(time_ns);
    }

    /// Ends it. A table without keys has one row, whatever there was.
    pub fn end_sample(&mut self) {
        if self.table.keys.is_empty() && self.rows == 0 {
            self.table.values.iter().for_each(|_| self.builder.absent());
        }
        self.builder.end_sample();
    }

    /// Adds a row of a sample.
    pub fn row(&mut self, row: &Row<'_>) {
        if self.table.keys.is_empty() && self.rows > 0 {
            return;
        }
        self.instance(row.keys);
        let bytes = if self.is_together() { row.keys } else { row.values };
        self.values(bytes);
    }

    /// Adds a row of a table of histograms.
    pub fn histogram(&mut self, keys: &[u8], histogram: &Histogram) {
        self.instance(keys);
        self.builder.histogram(histogram);
    }

    /// Adds an event.
    pub fn event(&mut self, row: &Row<'_>) {
        self.builder.begin_event(row.time_ns);
        let table = self.table;
        for at in 0..table.keys.len() {
            let place = self.layout.keys[at];
            self.cell(&table.keys[at], place, row.keys);
        }
        self.values(row.keys);
        self.builder.end_event();
    }

    /// What to keep of an event that is told later, if it has a stack behind everything else.
    pub fn parts_of<'r>(&mut self, row: &Row<'r>) -> Option<Parts<'r>> {
        let at = |name: &str| self.table.values.iter().position(|column| column.name == name);
        let (address, stack) = (at(ADDRESS)?, self.table.values.len().checked_sub(1)?);
        let Show::Stack(frames) = self.table.values.get(stack)?.show else { return None };
        let (address, stack) = (self.layout.values[address], self.layout.values[stack]);
        self.put_stack(frames, stack.rest_of(row.keys));
        let address = address.cell.number(address.bytes_of(row.keys));
        let in_front = row.keys.get(..stack.offset)?;
        Some(Parts { address, row: in_front, stack: self.text.clone() })
    }

    /// Adds an event that was kept, when what it is about is so old.
    pub fn told(&mut self, time_ns: u64, row: &[u8], stack: &[u8], age_ns: u64) {
        self.builder.begin_event(time_ns);
        let table = self.table;
        for (at, column) in table.values.iter().enumerate() {
            let place = self.layout.values[at];
            match column.show {
                Show::Stack(_) if stack.is_empty() => self.builder.absent(),
                Show::Stack(_) => self.builder.bytes(stack),
                _ if column.name == AGE => self.builder.u64(age_ns),
                _ => self.cell(column, place, row),
            }
        }
        self.builder.end_event();
    }

    /// Whether keys and values are in one structure.
    fn is_together(&self) -> bool {
        self.layout.value_bytes == 0
    }

    fn instance(&mut self, bytes: &[u8]) {
        self.rows += 1;
        if self.table.keys.is_empty() {
            // A table of one row has it open since the sample was begun.
            return;
        }
        let is_another = !self.is_first_of_its_names(bytes);
        let RowEncoder { table, layout, names, text, builder, .. } = self;
        builder.instance(|key| {
            for (column, place) in table.keys.iter().zip(&layout.keys) {
                let bytes = place.bytes_of(bytes);
                match shown(column, bytes, names, text) {
                    Some(text) if is_another && matches!(column.show, Show::Decoded(_)) => {
                        let number = column.cell.number(bytes);
                        key.bytes(format!("{}#{number}", String::from_utf8_lossy(text)).as_bytes());
                    }
                    Some(text) => key.bytes(text),
                    None => key.u64(column.cell.number(bytes)),
                }
            }
        });
    }

    /// Whether no row of the sample has had the same keys. Two things may have one name: functions of
    /// two modules, or interfaces that have just changed theirs. A record has each instance once.
    fn is_first_of_its_names(&mut self, bytes: &[u8]) -> bool {
        let is_decoded = |column: &Column| matches!(column.show, Show::Decoded(_));
        if !self.table.keys.iter().any(is_decoded) {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        for (column, place) in self.table.keys.iter().zip(&self.layout.keys) {
            let bytes = place.bytes_of(bytes);
            match shown(column, bytes, self.names, self.text) {
                Some(text) => text.hash(&mut hasher),
                None => column.cell.number(bytes).hash(&mut hasher),
            }
        }
        self.seen.insert(hasher.finish())
    }

    fn values(&mut self, bytes: &[u8]) {
        let table = self.table;
        for at in 0..table.values.len() {
            let place = self.layout.values[at];
            self.cell(&table.values[at], place, bytes);
        }
    }

    /// A stack: that of the program, which called the kernel, and that of the kernel.
    fn stack(&mut self, kernel_frames: usize, bytes: &[u8]) {
        self.put_stack(kernel_frames, bytes);
        match self.text.is_empty() {
            true => self.builder.absent(),
            false => self.builder.bytes(self.text),
        }
    }

    /// The same as a cell, in the buffer for text.
    fn put_stack(&mut self, kernel_frames: usize, bytes: &[u8]) {
        let (kernel, user) = bytes.split_at(bytes.len().min(kernel_frames * size_of::<u64>()));
        self.text.clear();
        if let Some(user) = UserStack::from_bytes(user) {
            self.unwinding.put(&user, self.text);
        }
        let RowEncoder { names, text, .. } = self;
        names::kernel_frames(names, kernel, |frame| put_kernel_frame(text, frame));
    }

    fn cell(&mut self, column: &Column, place: Place, bytes: &[u8]) {
        if let Show::Stack(frames) = column.show {
            self.stack(frames, place.rest_of(bytes));
            return;
        }
        let bytes = place.bytes_of(bytes);
        if column.cell.is_absent(bytes) {
            return self.builder.absent();
        }
        let bytes = match column.name {
            ARGUMENTS if !self.redactor.shows_any() => return self.builder.absent(),
            ARGUMENTS => self.redactor.redacted(bytes),
            _ => bytes,
        };
        if let Some(text) = shown(column, bytes, self.names, self.text) {
            return self.builder.bytes(text);
        }
        let number = column.cell.number(bytes);
        match column.show {
            Show::Flag => self.builder.bool(number != 0),
            Show::Pages => {
                self.builder.u64(number.wrapping_mul(rustix::param::page_size() as u64));
            }
            // A word with its sign extended is that number as the record keeps it.
            _ => self.builder.u64(number),
        }
    }
}

/// A call in the kernel as records have it.
fn put_kernel_frame(cell: &mut Vec<u8>, frame: KernelFrame<'_>) {
    let KernelFrame { function, module, offset } = frame;
    let (function, module) = (function.as_bytes(), module.as_bytes());
    put_frame(cell, &Frame { function, module, build_id: b"", offset });
}

/// The text that a column is shown as, where it is.
fn shown<'a>(
    column: &Column,
    bytes: &'a [u8],
    names: &mut Names,
    text: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    match column.show {
        Show::Number | Show::Flag | Show::Pages | Show::Stack(_) => None,
        Show::Text => bytes.split(|byte| *byte == 0).next(),
        Show::Named(list) => {
            text.clear();
            let number = column.cell.number(bytes);
            let name = usize::try_from(number).ok().and_then(|number| list.get(number));
            match name {
                Some(name) => text.extend_from_slice(name.as_bytes()),
                // A vector takes everything.
                None => drop(write!(text, "{number}")),
            }
            Some(text)
        }
        Show::Decoded(decode) => {
            text.clear();
            decode(names, bytes, text);
            Some(text)
        }
    }
}
