//! Opens blocks.

use super::coder::{self, Coder};
use super::directory::Directory;
use super::frame::{Decompressor, content_bytes};
use super::header::BlockHeader;
use super::planes::PlaneCursors;
use super::presence::{count, spread};
use super::unshuffle::take_shuffle;
use super::{BLOCK_VERSION, BlockError};
use crate::chunk::{Cells, ColumnRollup, Presence, RowWords, Strings, Words};
use crate::schema::{Column, ColumnType, Schema, Semantics};
use crate::value::Value;
use std::sync::Arc;

/// An opened block: its directory is decoded, its columns are decoded when asked for.
pub struct Block<'a> {
    header: BlockHeader,
    directory: Directory,
    /// The frames of the groups.
    frames: &'a [u8],
}

impl<'a> Block<'a> {
    /// Opens the block in `bytes`, which is one of `schema`'s table.
    ///
    /// # Errors
    /// When the block is damaged, newer than this build, or not of that table.
    pub fn open(
        bytes: &'a [u8],
        schema: &Schema,
        decompressor: &mut Decompressor,
    ) -> Result<Block<'a>, BlockError> {
        let (header, header_bytes) = BlockHeader::take(bytes)?;
        let columns: Vec<&Column> = schema.row_columns().collect();
        if header.width as usize != columns.len() || header.key_width as usize != schema.key_width()
        {
            return Err(BlockError::Layout("shape of the block against its schema"));
        }
        let frames = &bytes[header_bytes..];
        let frame = frame_at(frames, 0, header.directory_bytes)?;
        let raw = decompressor.opened(frame, "directory")?;
        // Each column and, but for a regular cadence, each row has bytes in there; a damaged count
        // is caught before memory is asked for.
        let columns_count = header.columns();
        if columns_count > raw.len().min(MOST_COLUMNS)
            || raw.len() > MOST_DIRECTORY_BYTES
            || header.rows > MOST_ROWS
        {
            return Err(BlockError::Layout("number of columns or rows"));
        }
        if header.key_width == 0 && header.instances > 1 {
            return Err(BlockError::Layout("number of instances without keys"));
        }
        let directory = Directory::take(raw, &header, &columns)?;
        let frames = &frames[header.directory_bytes as usize..];
        Ok(Block { header, directory, frames })
    }

    /// About the memory, in bytes, that the block in `bytes` takes when it is opened and so many
    /// columns of a row are decoded; 0 when it is no block.
    pub fn memory_bytes(bytes: &[u8], selected: usize) -> u64 {
        let Ok((header, header_bytes)) = BlockHeader::take(bytes) else { return 0 };
        let frames = bytes.get(header_bytes..).unwrap_or_default();
        let directory = frame_at(frames, 0, header.directory_bytes).unwrap_or_default();
        let (rows, instances) = (u64::from(header.rows), u64::from(header.instances));
        let columns = header.columns().min(MOST_COLUMNS) as u64;
        let cells = rows.saturating_mul(instances).saturating_mul(selected as u64);
        let cells = cells.min(most_cells(frames.len()) as u64);
        content_bytes(directory)
            + header.most_stack_bytes() as u64
            + COLUMN_BYTES * columns
            + INSTANCE_BYTES * instances.min(columns)
            + ROW_BYTES * rows.min(u64::from(MOST_ROWS))
            + 8 * cells
    }

    /// The number of the table that the block in `bytes` is of.
    ///
    /// # Errors
    /// When it is no block.
    pub fn table_of(bytes: &[u8]) -> Result<u32, BlockError> {
        Ok(BlockHeader::take(bytes)?.0.table)
    }

    /// The header.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The dictionary of its strings.
    pub fn strings(&self) -> &Strings {
        &self.directory.strings
    }

    /// `CLOCK_BOOTTIME` ns of each row.
    pub fn times(&self) -> &[u64] {
        &self.directory.times
    }

    /// Key values of each instance.
    pub fn instances(&self, schema: &Schema) -> Vec<Vec<Value>> {
        let width = self.header.key_width as usize;
        let strings = &self.directory.strings;
        (0..self.header.instances as usize)
            .map(|instance| {
                let words = &self.directory.keys[instance * width..(instance + 1) * width];
                let value = |(key, word): (&Column, &u64)| strings.value(key.kind, *word);
                schema.keys.iter().zip(words).map(value).collect()
            })
            .collect()
    }

    /// In which rows each instance is there.
    pub fn presence(&self) -> Vec<Presence> {
        (0..self.header.instances as usize)
            .map(|instance| self.directory.instance(instance).clone())
            .collect()
    }

    /// Decodes the selected value columns of all instances: `selected.len() * instances` of them,
    /// column by column.
    ///
    /// # Errors
    /// When a group that holds one of them is damaged.
    pub fn columns(
        &self,
        selected: &[usize],
        decompressor: &mut Decompressor,
    ) -> Result<Vec<Cells>, BlockError> {
        let instances = self.header.instances as usize;
        let mut wanted = vec![false; self.header.width as usize];
        for &value in selected {
            *wanted.get_mut(value).ok_or(BlockError::Layout("column asked for"))? = true;
        }
        let needed = |column: usize| {
            wanted[column / instances] && self.directory.coder(column) != Coder::Constant
        };
        let rows = self.header.rows as usize;
        let mut moving = 0;
        let starts: Vec<Option<usize>> = (0..self.header.columns())
            .map(|column| {
                needed(column).then(|| {
                    moving += 1;
                    (moving - 1) * rows
                })
            })
            .collect();
        if moving.saturating_mul(rows) > most_cells(self.frames.len()) {
            return Err(BlockError::Layout("number of cells"));
        }
        let mut slab = decompressor.slab(moving * rows);
        let mut start = 0;
        let mut frame_start = 0;
        for group in &self.header.groups {
            let end = group.end_column as usize;
            if end > starts.len() || end < start {
                return Err(BlockError::Layout("groups"));
            }
            if starts[start..end].iter().any(Option::is_some) {
                let frame = frame_at(self.frames, frame_start, group.frame_bytes)?;
                let raw = decompressor.opened(frame, "group of columns")?;
                self.group(start..end, raw, &starts, slab.words_mut())?;
            }
            frame_start += group.frame_bytes as usize;
            start = end;
        }
        if starts[start..].iter().any(Option::is_some) {
            return Err(BlockError::Layout("groups"));
        }
        let slab = Arc::new(slab);
        let mut cells = Vec::with_capacity(selected.len() * instances);
        for &value in selected {
            for instance in 0..instances {
                let column = value * instances + instance;
                let words = match starts[column] {
                    Some(start) => Words::Each(RowWords::new(&slab, start..start + rows)),
                    None => Words::Constant(self.directory.firsts[column]),
                };
                let present = self.directory.presence(column, instance).clone();
                cells.push(Cells { words, present });
            }
        }
        Ok(cells)
    }

    /// Decodes the columns of one group that have a place in `words` out of its payload.
    fn group(
        &self,
        columns: std::ops::Range<usize>,
        raw: &[u8],
        starts: &[Option<usize>],
        words: &mut [u64],
    ) -> Result<(), BlockError> {
        let damaged = || BlockError::Layout("group of columns");
        let instances = self.header.instances as usize;
        let rows = self.header.rows as usize;
        let lengths: Vec<usize> = columns
            .clone()
            .map(|column| count(self.directory.presence(column, column % instances), rows))
            .collect();
        let mut planes = PlaneCursors::new(&self.directory, columns.clone(), &lengths);
        let mut sparse_start = 0;
        let mut present_words = Vec::new();
        for (column, &length) in columns.zip(&lengths) {
            let sparse_end = sparse_start + self.directory.sparse_bytes[column] as usize;
            let coder = self.directory.coder(column);
            let slices = planes.take(coder, length, raw).ok_or_else(damaged)?;
            if let Some(start) = starts[column] {
                if length < 2 {
                    return Err(BlockError::Layout("column that changes without values"));
                }
                let first = self.directory.firsts[column];
                let divisor = self.directory.divisors[column];
                let presence = self.directory.presence(column, column % instances);
                let of_rows = &mut words[start..start + rows];
                let words = match presence {
                    Presence::Some(_) => {
                        present_words.resize(length, 0);
                        &mut present_words[..]
                    }
                    _ => &mut of_rows[..],
                };
                match coder {
                    Coder::Constant => words.fill(first),
                    Coder::Sparse => {
                        let payload = raw.get(sparse_start..sparse_end).ok_or_else(damaged)?;
                        coder::take_sparse(payload, first, divisor, words)?;
                    }
                    Coder::Shuffle(width) => {
                        take_shuffle(&slices[..usize::from(width)], first, divisor, words);
                    }
                }
                if let Presence::Some(bits) = presence {
                    spread(&present_words, bits, of_rows);
                }
            }
            sparse_start = sparse_end;
        }
        Ok(())
    }

    /// What is known of the selected columns without decoding them, or `None` where that is not
    /// enough: the block has no rollups, or a counter went down inside it, or is not in every row,
    /// so that nothing tells over which time it grew. Of histograms it never is.
    pub fn rollups(&self, selected: &[usize], schema: &Schema) -> Option<Vec<ColumnRollup>> {
        let instances = self.header.instances as usize;
        let columns: Vec<&Column> = schema.row_columns().collect();
        let mut rollups = Vec::with_capacity(selected.len() * instances);
        for &value in selected {
            let column = columns.get(value)?;
            for instance in 0..instances {
                rollups.push(self.rollup(value * instances + instance, instance, column)?);
            }
        }
        Some(rollups)
    }

    fn rollup(&self, at: usize, instance: usize, column: &Column) -> Option<ColumnRollup> {
        if column.kind == ColumnType::Histogram {
            return None;
        }
        let directory = &self.directory;
        let constant = directory.coder(at) == Coder::Constant;
        if directory.is_irregular(at) || (!constant && !self.header.has_rollups()) {
            return None;
        }
        let count = count(directory.presence(at, instance), self.header.rows as usize) as u64;
        let is_partial = count != 0 && count != u64::from(self.header.rows);
        if is_partial && column.semantics == Semantics::Counter {
            return None;
        }
        let first = directory.firsts[at];
        let sum = directory.sums[at];
        Some(ColumnRollup {
            count,
            first,
            last: directory.lasts[at],
            min: directory.mins[at],
            max: directory.maxs[at],
            sum: match (column.semantics, column.kind) {
                (Semantics::Gauge, ColumnType::U64) => {
                    first as f64 * count as f64 + sum.cast_signed() as f64
                }
                (Semantics::Gauge, ColumnType::I64) => {
                    first.cast_signed() as f64 * count as f64 + sum.cast_signed() as f64
                }
                (Semantics::Gauge, ColumnType::F64) if constant => {
                    f64::from_bits(first) * count as f64
                }
                (Semantics::Gauge, ColumnType::F64) => f64::from_bits(sum),
                _ => f64::NAN,
            },
        })
    }
}

fn frame_at(frames: &[u8], start: usize, size_bytes: u32) -> Result<&[u8], BlockError> {
    frames
        .get(start..start.saturating_add(size_bytes as usize))
        .ok_or(BlockError::Layout("length of a frame"))
}

/// More rows than any block has: the writer seals long before.
const MOST_ROWS: u32 = 1 << 21;

/// More columns, all instances taken together, than any block has: 40 of 50,000 processes.
const MOST_COLUMNS: usize = 1 << 21;

/// More bytes than any directory has.
const MOST_DIRECTORY_BYTES: usize = 32 << 20;

/// Cells that change, 64 MiB of them, that are decoded at a time whatever a block is made of: a
/// second of 1 kHz on 256 CPUs. A few bytes can claim to be as many.
const CELLS: usize = 1 << 23;

/// A block that has more has a byte for each so many: the densest one seen has one for 25.
const CELLS_A_BYTE: usize = 64;

/// More than anyone decodes at a time: 128 MiB. The writer seals what has 2^22.
const MOST_CELLS: usize = 1 << 24;

/// What an opened block takes for each column of each instance, for each instance, and for each row.
const COLUMN_BYTES: u64 = 128;
const INSTANCE_BYTES: u64 = 96;
const ROW_BYTES: u64 = 24;

/// How many cells a block of this length may have decoded at a time.
fn most_cells(block_bytes: usize) -> usize {
    block_bytes.saturating_mul(CELLS_A_BYTE).clamp(CELLS, MOST_CELLS)
}

const _: () = assert!(BLOCK_VERSION == 2, "Block::open reads versions 1 and 2");
