//! Rows of one table as they came, waiting to become a block.

mod strings;

use super::packed::PackedCells;
use super::stacks::{MOST_STACK_BYTES, StackBuilder};
use crate::interner::Interner;
use crate::memory::{clear_and_shrink, reserve_closely};
use crate::narrow::count32;
use crate::record::{RecordError, RecordView};
use crate::schema::{Column, ColumnType, Schema};

/// The rows of some records of one table, with one numbering of instances and strings. Those that wait
/// for long are packed.
#[derive(Clone, Default)]
pub struct Rows {
    /// Cells a row.
    pub width: usize,
    /// Key words an instance.
    pub key_width: usize,
    /// Row columns that hold string numbers, and those of them that are stacks.
    string_columns: Vec<usize>,
    stack_columns: Vec<usize>,
    /// Key columns that hold string numbers.
    string_keys: Vec<usize>,
    /// `CLOCK_BOOTTIME` ns of each sample or event.
    pub times: Vec<u64>,
    /// Key words of each instance.
    pub keys: Vec<u64>,
    /// The instance of each row.
    pub rows: Vec<u32>,
    /// The end of each sample within `rows`.
    pub row_ends: Vec<u32>,
    /// Cells, row by row; none where they are packed.
    pub cells: Vec<u64>,
    /// One bit a cell, 1 where it is absent; shorter than the cells where the rest is present, and
    /// empty where they are packed.
    pub absent: Vec<u64>,
    packed: Option<PackedCells>,
    /// The strings of cells and keys.
    pub strings: Interner,
    /// Those strings that are stacks; there they are empty.
    pub(super) stacks: StackBuilder,
    pub(super) instances: Interner,
    pub(super) in_order: bool,
    /// The number of each string of the record at hand, as text and as a stack.
    string_map: Vec<u32>,
    stack_map: Vec<u32>,
    instance_map: Vec<u32>,
    /// Records appended so far, and the one that mapped each instance last: finds duplicates.
    records: u64,
    mapped_by: Vec<u64>,
    key_bytes: Vec<u8>,
}

impl Rows {
    /// No rows of `schema`.
    pub fn new(schema: &Schema) -> Rows {
        let dictionary = |(at, column): (usize, &Column)| column.kind.is_dictionary().then_some(at);
        let stack =
            |(at, column): (usize, &Column)| (column.kind == ColumnType::Stack).then_some(at);
        Rows {
            width: schema.row_width(),
            key_width: schema.key_width(),
            string_columns: schema.row_columns().enumerate().filter_map(dictionary).collect(),
            stack_columns: schema.row_columns().enumerate().filter_map(stack).collect(),
            string_keys: (schema.keys.iter().enumerate().filter_map(dictionary))
                .filter(|_| schema.key_width() > 0)
                .collect(),
            in_order: true,
            ..Rows::default()
        }
    }

    /// No rows of `schema`, whose cells will be packed: those that wait for long take a tenth of the
    /// memory or less, and some nanoseconds more for each cell.
    pub fn packed(schema: &Schema) -> Rows {
        let rows = Rows::new(schema);
        Rows { packed: Some(PackedCells::new(rows.width)), ..rows }
    }

    /// The cells, where they are packed.
    pub(super) fn packed_cells(&self) -> Option<&PackedCells> {
        self.packed.as_ref()
    }

    /// How many samples or events there are.
    pub fn samples(&self) -> usize {
        self.times.len()
    }

    /// How many instances there are.
    pub fn instances(&self) -> usize {
        self.instances.len()
    }

    /// Whether every sample has every instance, in the same order.
    pub fn is_uniform(&self) -> bool {
        self.in_order && self.rows.len() == self.samples() * self.instances()
    }

    /// Bytes that it takes.
    pub fn size_bytes(&self) -> usize {
        let cells_bytes = match &self.packed {
            None => self.cells.len() * 8,
            Some(packed) => packed.size_bytes() + self.rows.len() * 4,
        };
        let strings_bytes = self.strings.size_bytes() + self.stacks.size_bytes();
        cells_bytes + self.keys.len() * 8 + strings_bytes
    }

    /// Whether a block can hardly have more stacks.
    pub fn is_full_of_stacks(&self) -> bool {
        self.stacks.written_bytes() > MOST_STACK_BYTES / 4 * 3
    }

    /// From the first to the last sample, ns.
    pub fn span_ns(&self) -> u64 {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }

    /// Appends the rows of a record of the same table, whose samples come after those here.
    ///
    /// # Errors
    /// When its samples are not in order, or two of its instances have the same keys; then no row
    /// of it was taken.
    pub fn append(&mut self, record: &RecordView<'_>) -> Result<(), RecordError> {
        if !self.comes_after(record) {
            return Err(RecordError::Shape("samples are not in order of time"));
        }
        let (first_row, first_sample) = (self.rows.len(), self.row_ends.len());
        self.map_strings(record);
        self.map_instances(record)?;
        let times = record.times();
        self.times.extend(times.iter().map(|time| time.to_native()));
        match record.row_instances() {
            None => {
                for _ in 0..times.len() {
                    for &instance in &self.instance_map {
                        self.rows.push(instance);
                    }
                    self.row_ends.push(count32(self.rows.len()));
                }
                self.in_order &=
                    self.instance_map.iter().enumerate().all(|(at, &to)| at == to as usize);
            }
            Some((rows, ends)) => {
                self.in_order = false;
                self.row_ends.extend(ends.iter().map(|end| count32(first_row) + end.to_native()));
                let map = &self.instance_map;
                self.rows.extend(rows.iter().map(|row| map[row.to_native() as usize]));
            }
        }
        match self.packed.take() {
            None => self.append_cells(record, first_row),
            Some(mut packed) => {
                self.pack_cells(record, (first_row, first_sample), &mut packed);
                self.packed = Some(packed);
            }
        }
        Ok(())
    }

    fn comes_after(&self, record: &RecordView<'_>) -> bool {
        let mut before = self.times.last().copied().unwrap_or(0);
        record.times().iter().all(|time| {
            let in_order = time.to_native() >= before;
            before = time.to_native();
            in_order
        })
    }

    /// Forgets the rows, keeps the memory that as many will need.
    pub fn clear(&mut self) {
        self.forget_rows();
        clear_and_shrink(&mut self.keys);
        if let Some(packed) = &mut self.packed {
            packed.clear();
        }
        self.strings.clear();
        self.stacks.clear();
        self.instances.clear();
        clear_and_shrink(&mut self.mapped_by);
        clear_and_shrink(&mut self.string_map);
        clear_and_shrink(&mut self.stack_map);
        clear_and_shrink(&mut self.instance_map);
        self.in_order = true;
    }

    /// Forgets the rows, but not their instances and strings.
    pub(super) fn forget_rows(&mut self) {
        clear_and_shrink(&mut self.times);
        clear_and_shrink(&mut self.rows);
        clear_and_shrink(&mut self.row_ends);
        clear_and_shrink(&mut self.cells);
        clear_and_shrink(&mut self.absent);
    }

    fn map_instances(&mut self, record: &RecordView<'_>) -> Result<(), RecordError> {
        self.instance_map.clear();
        self.records += 1;
        let keys = record.keys();
        for instance in 0..record.instances() {
            let from = self.keys.len();
            let words = &keys[instance * self.key_width..(instance + 1) * self.key_width];
            self.keys.extend(words.iter().map(|word| word.to_native()));
            for at in 0..self.string_keys.len() {
                let column = from + self.string_keys[at];
                self.keys[column] = self.string_number(record, self.keys[column]);
            }
            self.key_bytes.clear();
            for word in &self.keys[from..] {
                self.key_bytes.extend_from_slice(&word.to_le_bytes());
            }
            let known = self.instances.len();
            let number = self.instances.intern(&self.key_bytes);
            if (number as usize) < known {
                self.keys.truncate(from);
            } else {
                self.mapped_by.push(0);
            }
            if std::mem::replace(&mut self.mapped_by[number as usize], self.records) == self.records
            {
                return Err(RecordError::Shape("two instances have the same keys"));
            }
            self.instance_map.push(number);
        }
        Ok(())
    }

    fn append_cells(&mut self, record: &RecordView<'_>, first_row: usize) {
        let first_cell = self.cells.len();
        reserve_closely(&mut self.cells, record.cells().len());
        self.cells.extend(record.cells().iter().map(|cell| cell.to_native()));
        if record.has_absent() {
            for row in 0..record.rows() {
                for column in 0..self.width {
                    if record.is_absent(row, column) {
                        self.set_absent((first_row + row) * self.width + column);
                    }
                }
            }
        }
        for at in 0..self.string_columns.len() {
            let column = self.string_columns[at];
            let mut cell = first_cell + column;
            while cell < self.cells.len() {
                self.cells[cell] = self.number_in(record, column, self.cells[cell]);
                cell += self.width;
            }
        }
    }

    fn pack_cells(
        &mut self,
        record: &RecordView<'_>,
        (first_row, first_sample): (usize, usize),
        packed: &mut PackedCells,
    ) {
        let has_absent = record.has_absent();
        let mut rows = (0..record.rows()).zip(record.cells().chunks_exact(self.width.max(1)));
        let mut start = first_row;
        for sample in first_sample..self.row_ends.len() {
            let end = self.row_ends[sample] as usize;
            for (row, cells) in rows.by_ref().take(end - start) {
                self.cells.extend(cells.iter().map(|cell| cell.to_native()));
                for at in 0..self.string_columns.len() {
                    let cell = self.string_columns[at];
                    self.cells[cell] = self.number_in(record, cell, self.cells[cell]);
                }
                let is_absent = |at| has_absent && record.is_absent(row, at);
                packed.push(self.rows[first_row + row], &self.cells, is_absent);
                self.cells.clear();
            }
            packed.end_sample();
            start = end;
        }
    }

    pub(super) fn set_absent(&mut self, cell: usize) {
        if self.absent.len() <= cell / 64 {
            self.absent.resize(cell / 64 + 1, 0);
        }
        self.absent[cell / 64] |= 1 << (cell % 64);
    }

    /// Whether no cell from this one on is absent.
    pub fn is_whole_from(&self, cell: usize) -> bool {
        self.absent.len() <= cell / 64
    }

    /// Whether a cell is absent.
    pub fn is_absent(&self, cell: usize) -> bool {
        self.absent.get(cell / 64).is_some_and(|bits| bits >> (cell % 64) & 1 == 1)
    }
}
