//! Makes blocks.

use super::coder::{self, Coder};
use super::directory::DirectoryBuilder;
use super::frame::Compressor;
use super::header::{BlockHeader, Group, ROLLUP_ROWS, ROLLUPS, UNIFORM};
use super::rows::Rows;
use super::times::put_times;
use super::transpose::Columns;
use super::{BlockError, GROUP_COLUMNS};
use crate::memory::Lately;
use crate::narrow::count32;
use crate::schema::{Column, Schema};

/// What a column of an instance takes in the directory, about.
const COLUMN_BYTES: usize = 9;

/// Makes blocks, one after the other, in memory that it keeps while they are about as large.
#[derive(Default)]
pub struct Encoder {
    compressor: Compressor,
    /// How large the rows of blocks were.
    lately: Lately,
    columns: Columns,
    directory: DirectoryBuilder,
    group: GroupBuilder,
    changes: Vec<u64>,
    present: Vec<u64>,
    bits: Vec<u64>,
    scratch: Vec<u8>,
    frames: Vec<u8>,
}

/// The payloads of a group under construction.
#[derive(Default)]
struct GroupBuilder {
    sparse: Vec<u8>,
    /// `planes[p]` holds plane `p` of every shuffled column of the group that has it.
    planes: [Vec<u8>; 8],
    columns: usize,
}

impl Encoder {
    /// Makes frames of anything else: its memory is a MiB, which needs to be there once.
    pub fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// Appends the block of `rows` to `out`. `table` is the number of the schema in the segment.
    ///
    /// # Errors
    /// When zstd cannot get memory. Nothing was appended then.
    pub fn encode(
        &mut self,
        rows: &Rows,
        schema: &Schema,
        table: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let columns_bytes = Columns::size_bytes_of(rows).max(rows.size_bytes());
        let directory_bytes = COLUMN_BYTES * rows.instances() * rows.width;
        if self.lately.is_too_large_for(columns_bytes + directory_bytes) {
            let (compressor, lately) = (std::mem::take(&mut self.compressor), self.lately);
            *self = Encoder { compressor, lately, ..Encoder::default() };
        }
        let rollups = rows.samples() >= ROLLUP_ROWS;
        self.directory.start(rollups);
        self.frames.clear();
        let uniform = rows.is_uniform();
        let mut header = BlockHeader {
            table,
            flags: if uniform { UNIFORM } else { 0 } | if rollups { ROLLUPS } else { 0 },
            rows: count32(rows.samples()),
            instances: count32(rows.instances()),
            width: count32(rows.width),
            key_width: u16::try_from(rows.key_width).unwrap_or(u16::MAX),
            first_ns: rows.times.first().copied().unwrap_or(0),
            ..BlockHeader::default()
        };
        let presence = if uniform { None } else { Some(RowOrder::from_rows(rows)) };
        if let Some(order) = &presence {
            for instance in 0..rows.instances() {
                order.bits(instance, rows, &mut self.bits);
                self.directory.instance(&self.bits, order.count(instance), rows.samples());
            }
        }
        let mut filled = 0;
        for (value, column) in schema.row_columns().enumerate() {
            if value == filled {
                filled = self.columns.fill(rows, value);
            }
            for instance in 0..rows.instances() {
                self.column(rows, presence.as_ref(), value, instance, column);
                if self.group.columns == GROUP_COLUMNS {
                    let end = value * rows.instances() + instance + 1;
                    self.end_group(end, &mut header)?;
                }
            }
        }
        self.end_group(header.columns(), &mut header)?;
        self.scratch.clear();
        self.directory.put(&mut self.scratch, &rows.keys, &rows.strings, &rows.stacks);
        if !rows.stacks.is_empty() {
            header.set_stacks(rows.stacks.written_bytes());
        }
        put_times(&mut self.scratch, &rows.times, &mut self.changes);
        let mut directory = Vec::new();
        header.directory_bytes = self.compressor.frame(&[&self.scratch], &mut directory)?;
        let start = out.len();
        header.put(out).inspect_err(|_| out.truncate(start))?;
        out.extend_from_slice(&directory);
        out.extend_from_slice(&self.frames);
        Ok(())
    }

    /// Encodes one column into the group and the directory.
    fn column(
        &mut self,
        rows: &Rows,
        order: Option<&RowOrder>,
        value: usize,
        instance: usize,
        column: &Column,
    ) {
        let words = self.columns.words(value, instance);
        self.present.clear();
        let mut own = None;
        if self.columns.has_absent(rows) {
            let row_of = |at: usize| match order {
                None => at * rows.instances() + instance,
                Some(order) => order.row(instance, at),
            };
            let columns = &self.columns;
            let is_absent = |at: usize| match rows.packed_cells() {
                None => rows.is_absent(row_of(at) * rows.width + value),
                Some(_) => columns.is_absent(value, instance, at),
            };
            if (0..words.len()).any(is_absent) {
                self.bits.clear();
                self.bits.resize(rows.samples().div_ceil(64), 0);
                for (at, &word) in words.iter().enumerate() {
                    if !is_absent(at) {
                        let sample = order.map_or(at, |order| order.sample(instance, at));
                        self.bits[sample / 64] |= 1 << (sample % 64);
                        self.present.push(word);
                    }
                }
                own = Some((&self.bits[..], self.present.len(), rows.samples()));
            }
        }
        let words = if own.is_some() { &self.present[..] } else { words };
        let analysis = coder::analyse(words, column, &mut self.changes);
        let mut sparse_bytes = 0;
        match analysis.coder {
            Coder::Constant => {}
            Coder::Sparse => {
                let before = self.group.sparse.len();
                coder::put_sparse(&mut self.group.sparse, &self.changes);
                sparse_bytes = self.group.sparse.len() - before;
                self.group.columns += 1;
            }
            Coder::Shuffle(width) => {
                for plane in 0..usize::from(width) {
                    coder::put_plane(&mut self.group.planes[plane], &self.changes, plane);
                }
                self.group.columns += 1;
            }
        }
        self.directory.column(&analysis, column, sparse_bytes, own);
    }

    fn end_group(&mut self, end_column: usize, header: &mut BlockHeader) -> Result<(), BlockError> {
        if self.group.columns > 0 {
            let planes = self.group.planes.each_ref().map(Vec::as_slice);
            let mut sections = vec![self.group.sparse.as_slice()];
            sections.extend(planes);
            let frame = self.compressor.frame(&sections, &mut self.frames);
            self.group.clear();
            header.groups.push(Group { end_column: count32(end_column), frame_bytes: frame? });
        }
        Ok(())
    }
}

impl GroupBuilder {
    fn clear(&mut self) {
        self.sparse.clear();
        self.planes.iter_mut().for_each(Vec::clear);
        self.columns = 0;
    }
}

/// The rows of each instance, where not every sample has every instance.
struct RowOrder {
    starts: Vec<usize>,
    rows: Vec<u32>,
    samples: Vec<u32>,
}

impl RowOrder {
    fn from_rows(rows: &Rows) -> RowOrder {
        let mut starts = vec![0; rows.instances() + 1];
        for &instance in &rows.rows {
            starts[instance as usize + 1] += 1;
        }
        for instance in 0..rows.instances() {
            starts[instance + 1] += starts[instance];
        }
        let mut next = starts.clone();
        let mut order = vec![0; rows.rows.len()];
        let mut samples = vec![0; rows.rows.len()];
        let mut row = 0;
        for (sample, &end) in rows.row_ends.iter().enumerate() {
            for &instance in &rows.rows[row..end as usize] {
                let at = &mut next[instance as usize];
                order[*at] = count32(row);
                samples[*at] = count32(sample);
                *at += 1;
                row += 1;
            }
        }
        RowOrder { starts, rows: order, samples }
    }

    fn count(&self, instance: usize) -> usize {
        self.starts[instance + 1] - self.starts[instance]
    }

    fn row(&self, instance: usize, at: usize) -> usize {
        self.rows[self.starts[instance] + at] as usize
    }

    fn sample(&self, instance: usize, at: usize) -> usize {
        self.samples[self.starts[instance] + at] as usize
    }

    fn bits(&self, instance: usize, rows: &Rows, bits: &mut Vec<u64>) {
        bits.clear();
        bits.resize(rows.samples().div_ceil(64), 0);
        for &sample in &self.samples[self.starts[instance]..self.starts[instance + 1]] {
            bits[sample as usize / 64] |= 1 << (sample % 64);
        }
    }
}
