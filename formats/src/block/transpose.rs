//! Rows into columns.

use super::rows::Rows;

/// The cells of some rows by column: for each value column, instance by instance, the words of the
/// rows that the instance has.
#[derive(Default)]
pub struct Columns {
    values: Vec<u64>,
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

impl Columns {
    /// Takes the cells of `rows`.
    pub fn fill(&mut self, rows: &Rows) {
        // A large block of a minute of processes comes among many of a second of CPUs.
        if self.values.capacity() > KEPT_WORDS && self.values.capacity() / 4 > rows.cells.len() {
            self.values = Vec::new();
        }
        // What was in there is overwritten; only what is added has to be made.
        self.values.resize(rows.cells.len(), 0);
        if rows.is_uniform() {
            self.starts.clear();
            self.starts.extend((0..=rows.instances()).map(|at| at * rows.samples()));
            self.fill_uniform(rows);
        } else {
            self.fill_ragged(rows);
        }
    }

    /// The words of a value column of an instance, one for each row it has.
    pub fn words(&self, value: usize, instance: usize) -> &[u64] {
        let total = self.starts[self.starts.len() - 1];
        let base = value * total;
        &self.values[base + self.starts[instance]..base + self.starts[instance + 1]]
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

    fn fill_ragged(&mut self, rows: &Rows) {
        let instances = rows.instances();
        self.starts.clear();
        self.starts.resize(instances + 1, 0);
        for &instance in &rows.rows {
            self.starts[instance as usize + 1] += 1;
        }
        for instance in 0..instances {
            self.starts[instance + 1] += self.starts[instance];
        }
        let mut next = self.starts.clone();
        self.targets.clear();
        for &instance in &rows.rows {
            self.targets.push(next[instance as usize] as u32);
            next[instance as usize] += 1;
        }
        let total = rows.rows.len();
        for (row, &target) in self.targets.iter().enumerate() {
            for value in 0..rows.width {
                self.values[value * total + target as usize] = rows.cells[row * rows.width + value];
            }
        }
    }
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
            columns.fill(&rows);
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
