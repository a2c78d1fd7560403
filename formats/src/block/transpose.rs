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

/// Rows in a tile: eight words are a cache line, so each store of a tile fills one.
const TILE_ROWS: usize = 8;

impl Columns {
    /// Takes the cells of `rows`.
    pub fn fill(&mut self, rows: &Rows) {
        self.values.clear();
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
        let mut sample = 0;
        while sample < samples {
            let tile = TILE_ROWS.min(samples - sample);
            let cells = &rows.cells[sample * row_cells..(sample + tile) * row_cells];
            for instance in 0..instances {
                for value in 0..width {
                    let from = instance * width + value;
                    let to = (value * instances + instance) * samples + sample;
                    let column = &mut self.values[to..to + tile];
                    for (row, word) in column.iter_mut().enumerate() {
                        *word = cells[row * row_cells + from];
                    }
                }
            }
            sample += tile;
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
