//! Rows into columns.

use super::packed::PackedCells;
use super::predecessors::Predecessors;
use super::rows::Rows;
use crate::narrow::count32;

/// The cells of some rows by column: for each value column, instance by instance, the words of the
/// rows that the instance has. Of packed rows it has some value columns at a time.
#[derive(Default)]
pub struct Columns {
    values: Vec<u64>,
    /// The first of the value columns that are there.
    first: usize,
    /// Of packed rows a bit for each word that is set where it is absent; empty where none is.
    absent: Vec<u64>,
    /// Memory for unpacking.
    before: Predecessors,
    /// Where each instance's words start within a value column; one more entry for the end.
    starts: Vec<usize>,
    /// For each row, where its words go within a value column. Unused when rows are uniform.
    targets: Vec<u32>,
}

/// Rows and columns of a tile. A tile is copied row by row before its columns are stored: rows of 512
/// words lie 4096 bytes apart, where the first-level cache has room for few of them, and a page of
/// each column is looked up once for 32 words instead of 8.
const TILE_ROWS: usize = 32;
const TILE_COLUMNS: usize = 64;
/// Words from one row of a tile to the next, which must not be a power of two either.
const PITCH: usize = TILE_COLUMNS + 8;

/// Words for which there may be room, however few there are.
const KEPT_WORDS: usize = 1 << 15;

/// Words of packed rows that are there at a time at least.
const PACKED_WORDS: usize = 1 << 16;

impl Columns {
    /// Bytes that the columns of `rows` will take.
    pub fn size_bytes_of(rows: &Rows) -> usize {
        let words = match rows.packed_cells() {
            None => rows.cells.len(),
            Some(_) => (rows.rows.len() * rows.width).min(words_at_a_time(rows)),
        };
        words * size_of::<u64>()
    }

    /// Takes the cells of `rows`, from value column `from` on as many as it takes at a time. Returns
    /// where those end. The first call is for column 0.
    pub fn fill(&mut self, rows: &Rows, from: usize) -> usize {
        match rows.packed_cells() {
            None => {
                self.first = 0;
                self.fill_all(rows);
                rows.width
            }
            Some(packed) => self.fill_some(rows, packed, from),
        }
    }

    /// Whether a word may be absent.
    pub fn has_absent(&self, rows: &Rows) -> bool {
        !rows.absent.is_empty() || !self.absent.is_empty()
    }

    /// Whether a word of [`Columns::words`] of packed rows is absent.
    pub fn is_absent(&self, value: usize, instance: usize, at: usize) -> bool {
        let bit = self.place(value, instance) + at;
        self.absent.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    /// Where the words of a value column of an instance begin.
    fn place(&self, value: usize, instance: usize) -> usize {
        (value - self.first) * self.starts[self.starts.len() - 1] + self.starts[instance]
    }

    fn fill_some(&mut self, rows: &Rows, packed: &PackedCells, from: usize) -> usize {
        if from == 0 {
            self.order(rows);
        }
        let (total, instances, width) = (rows.rows.len(), rows.instances(), rows.width);
        let count = (words_at_a_time(rows) / total.max(1)).clamp(1, width - from);
        self.first = from;
        self.make_room(count * total);
        self.absent.clear();
        let (uniform, samples) = (rows.is_uniform(), rows.samples());
        let mut unpacked = packed.unpack(from..from + count, &mut self.before);
        let mut row = 0;
        for &end in &rows.row_ends {
            for &instance in &rows.rows[row..end as usize] {
                let target = match uniform {
                    true => instance as usize * samples + row / instances,
                    false => self.targets[row] as usize,
                };
                row += 1;
                let (cells, absent) = unpacked.next(instance).split_at(count);
                for (value, word) in cells.iter().enumerate() {
                    self.values[value * total + target] = *word;
                }
                if absent.iter().all(|bits| *bits == 0) {
                    continue;
                }
                for value in 0..count {
                    let at = from + value;
                    if absent[at / 64 - from / 64] >> (at % 64) & 1 == 1 {
                        self.absent.resize((count * total).div_ceil(64), 0);
                        let bit = value * total + target;
                        self.absent[bit / 64] |= 1 << (bit % 64);
                    }
                }
            }
            unpacked.end_sample();
        }
        from + count
    }

    fn make_room(&mut self, words: usize) {
        // A large block of a minute of processes comes among many of a second of CPUs.
        if self.values.capacity() > KEPT_WORDS && self.values.capacity() / 4 > words {
            self.values = Vec::new();
        }
        // What was in there is overwritten; only what is added has to be made.
        self.values.resize(words, 0);
    }

    fn fill_all(&mut self, rows: &Rows) {
        self.make_room(rows.cells.len());
        self.absent.clear();
        self.order(rows);
        if rows.is_uniform() {
            self.fill_uniform(rows);
        } else {
            self.fill_ragged(rows);
        }
    }

    /// The words of a value column of an instance, one for each row it has.
    pub fn words(&self, value: usize, instance: usize) -> &[u64] {
        let from = self.place(value, instance);
        &self.values[from..from + self.starts[instance + 1] - self.starts[instance]]
    }

    fn fill_uniform(&mut self, rows: &Rows) {
        let (samples, instances, width) = (rows.samples(), rows.instances(), rows.width);
        let row_cells = instances * width;
        if row_cells == 0 {
            return;
        }
        let mut tile = [0; TILE_ROWS * PITCH];
        for sample in (0..samples).step_by(TILE_ROWS) {
            let tile_rows = TILE_ROWS.min(samples - sample);
            let cells = &rows.cells[sample * row_cells..(sample + tile_rows) * row_cells];
            for from in (0..row_cells).step_by(TILE_COLUMNS) {
                let columns = TILE_COLUMNS.min(row_cells - from);
                for (row, to) in cells.chunks_exact(row_cells).zip(tile.chunks_exact_mut(PITCH)) {
                    to[..columns].copy_from_slice(&row[from..from + columns]);
                }
                for column in 0..columns {
                    let (instance, value) = ((from + column) / width, (from + column) % width);
                    let to = (value * instances + instance) * samples + sample;
                    let words = &mut self.values[to..to + tile_rows];
                    for (word, row) in words.iter_mut().zip(tile.chunks_exact(PITCH)) {
                        *word = row[column];
                    }
                }
            }
        }
    }

    /// Finds out where the rows of each instance go.
    fn order(&mut self, rows: &Rows) {
        let instances = rows.instances();
        self.starts.clear();
        self.targets.clear();
        if rows.is_uniform() {
            return self.starts.extend((0..=instances).map(|at| at * rows.samples()));
        }
        self.starts.resize(instances + 1, 0);
        for &instance in &rows.rows {
            self.starts[instance as usize + 1] += 1;
        }
        for instance in 0..instances {
            self.starts[instance + 1] += self.starts[instance];
        }
        let mut next = self.starts.clone();
        for &instance in &rows.rows {
            self.targets.push(count32(next[instance as usize]));
            next[instance as usize] += 1;
        }
    }

    fn fill_ragged(&mut self, rows: &Rows) {
        let total = rows.rows.len();
        for (row, &target) in self.targets.iter().enumerate() {
            for value in 0..rows.width {
                self.values[value * total + target as usize] = rows.cells[row * rows.width + value];
            }
        }
    }
}

/// Words of packed rows that are there at a time, or one column. Each time all rows are unpacked, so it
/// is not less than they take: what a row takes is read a few times then, whatever they are.
fn words_at_a_time(rows: &Rows) -> usize {
    PACKED_WORDS.max(rows.size_bytes() / size_of::<u64>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Columns;
    use crate::block::Rows;
    use crate::record::{RecordBuilder, RecordView};
    use crate::schema::{ColumnType, Schema, unit};

    /// Rows whose words say where they stand.
    fn rows(samples: u64, instances: u64, width: u64) -> Rows {
        let schema = Schema::sample("test", "test", "").key("k", ColumnType::U64, "");
        let schema =
            (0..width).fold(schema, |schema, v| schema.counter(&format!("v{v}"), unit::COUNT, ""));
        let mut record = RecordBuilder::new(&schema);
        for sample in 0..samples {
            record.begin_sample(sample);
            for instance in 0..instances {
                record.instance(|key| key.u64(instance));
                (0..width).for_each(|v| record.u64(sample << 32 | instance << 16 | v));
            }
            record.end_sample();
        }
        let mut archive = Default::default();
        record.finish(0, &mut archive).unwrap();
        let mut rows = Rows::new(&schema);
        let view = RecordView::access(&archive, schema.row_width(), schema.key_width()).unwrap();
        rows.append(&view).unwrap();
        rows
    }

    #[test]
    fn every_word_is_in_its_column_whether_tiles_are_full_or_not_and_memory_was_used_before() {
        let mut columns = Columns::default();
        for (samples, instances, width) in [(70, 3, 50), (32, 1, 64), (1, 1, 1), (33, 65, 2)] {
            let rows = rows(samples, instances, width);
            assert!(rows.is_uniform());
            assert_eq!(columns.fill(&rows, 0), width as usize);
            for instance in 0..instances {
                for v in 0..width {
                    let expected: Vec<u64> =
                        (0..samples).map(|s| s << 32 | instance << 16 | v).collect();
                    assert_eq!(columns.words(v as usize, instance as usize), expected);
                }
            }
        }
    }
}
