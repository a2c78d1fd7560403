//! Arbitrary tables, cut into arbitrary chunks.

use crate::question::Plan;
use nodemon_formats::growth::longest_ns;
use nodemon_formats::interner::Interner;
use nodemon_formats::reader::{
    Cells, Chunk, ColumnRollup, Presence, ScanItem, Strings, Summary, Words,
};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Schema, Value};
use proptest::prelude::*;
use std::sync::Arc;

pub const SECOND: i64 = 1_000_000_000;
/// Wall time of boot time 0.
pub const OFFSET: i64 = 1000;

pub fn schema() -> Arc<Schema> {
    let mut schema = Schema::sample("cpu", "a test", "")
        .key("cpu", ColumnType::U64, "")
        .counter("grows", unit::COUNT, "")
        .gauge("level", ColumnType::U64, unit::COUNT, "")
        .state("name", ColumnType::String, "");
    schema.interval_ns = SECOND as u64;
    Arc::new(schema)
}

/// What one instance has in one sample: for each column a value, if it has one.
pub type Row = Option<[Option<u64>; 3]>;

/// Names that the third column's words stand for.
pub const NAMES: [&str; 3] = ["a1", "a2", "b"];

#[derive(Clone, Debug)]
pub struct Table {
    /// `CLOCK_BOOTTIME` ns of each sample.
    pub times: Vec<u64>,
    /// For each sample a row for each of three instances.
    pub rows: Vec<[Row; 3]>,
    /// Where chunks end.
    pub cuts: Vec<usize>,
}

impl Table {
    pub fn steady() -> Table {
        let row = |n: u64| Some([Some(n * 10), Some(n), Some(n % 3)]);
        Table {
            times: (0..40).map(|n| n * SECOND as u64).collect(),
            rows: (0..40).map(|n| [row(n), row(2 * n), row(3 * n)]).collect(),
            cuts: vec![10, 20],
        }
    }

    fn spans(&self) -> Vec<std::ops::Range<usize>> {
        let mut cuts: Vec<usize> =
            self.cuts.iter().map(|cut| cut % (self.times.len() + 1)).collect();
        cuts.extend([0, self.times.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    pub fn wall(&self, sample: usize) -> i64 {
        self.times[sample] as i64 + OFFSET
    }

    /// The table as a scan that does without rollups yields it.
    pub fn chunks(&self, plan: &Plan) -> Vec<ScanItem> {
        let spans = self.spans().into_iter();
        spans.map(|span| ScanItem::Chunk(self.chunk(span, plan))).collect()
    }

    /// The same, where each chunk that lies inside a step and that a rollup can stand for is one.
    pub fn summaries(&self, plan: &Plan) -> Vec<ScanItem> {
        let step = plan.step.unwrap();
        let item = |span: std::ops::Range<usize>| {
            let chunk = self.chunk(span, plan);
            let (first, last) = (chunk.times[0], chunk.times[chunk.rows() - 1]);
            match step.number_at(first) == step.number_at(last) {
                true => rolled_up(&chunk).map_or(ScanItem::Chunk(chunk), ScanItem::Summary),
                false => ScanItem::Chunk(chunk),
            }
        };
        self.spans().into_iter().map(item).collect()
    }

    fn chunk(&self, span: std::ops::Range<usize>, plan: &Plan) -> Chunk {
        let mut strings = Interner::default();
        let numbers = NAMES.map(|name| u64::from(strings.intern(name.as_bytes())));
        let presence = |there: &dyn Fn(usize) -> bool| {
            let mut bits = vec![0u64; span.len().div_ceil(64)];
            let there: Vec<bool> = span.clone().map(there).collect();
            there.iter().enumerate().for_each(|(n, b)| bits[n / 64] |= u64::from(*b) << (n % 64));
            match there.iter().filter(|b| **b).count() {
                0 => Presence::None,
                all if all == there.len() => Presence::All,
                _ => Presence::Some(Arc::new(bits)),
            }
        };
        let mut cells = Vec::new();
        for slot in &plan.slots {
            for instance in 0..3 {
                let value = |n: usize| self.rows[n][instance].and_then(|row| row[slot.column]);
                let mut before = 0;
                let words: Vec<u64> = span
                    .clone()
                    .map(|n| {
                        before = value(n).map_or(before, |word| match slot.kind {
                            ColumnType::String => numbers[word as usize],
                            _ => word,
                        });
                        before
                    })
                    .collect();
                let is_constant = words.iter().all(|word| *word == words[0]);
                cells.push(Cells {
                    words: if is_constant {
                        Words::Constant(words[0])
                    } else {
                        Words::Each(words.into())
                    },
                    present: presence(&|n| value(n).is_some()),
                });
            }
        }
        Chunk {
            schema: plan.schema.clone(),
            times: span.clone().map(|n| self.wall(n)).collect(),
            boot_times: self.times[span.clone()].to_vec(),
            instances: (0..3).map(|cpu| vec![Value::U64(cpu)]).collect(),
            selected: plan.slots.iter().map(|slot| slot.column).collect(),
            cells,
            present: (0..3).map(|i| presence(&|n| self.rows[n][i].is_some())).collect(),
            strings: Strings { ends: strings.ends().to_vec(), bytes: strings.bytes().to_vec() },
        }
    }
}

/// The rollup of a block as the reader makes it: none where a counter went down or is not in every
/// row.
fn rolled_up(chunk: &Chunk) -> Option<Summary> {
    let pause = |pair: &[u64]| pair[1] - pair[0] > longest_ns(SECOND as u64);
    if chunk.boot_times.windows(2).any(pause) {
        return None;
    }
    let mut columns = Vec::new();
    for (n, cells) in chunk.cells.iter().enumerate() {
        let column = chunk.column(n / 3);
        let rows = (0..chunk.rows()).filter(|row| cells.present.at(*row));
        let words: Vec<u64> = rows.map(|row| cells.words.at(row)).collect();
        let is_counter = column.name == "grows";
        let is_partial = !words.is_empty() && words.len() < chunk.rows();
        if is_counter && (is_partial || !words.is_sorted()) {
            return None;
        }
        columns.push(match (words.first(), words.last()) {
            (Some(&first), Some(&last)) => ColumnRollup {
                count: words.len() as u64,
                first,
                last,
                min: *words.iter().min()?,
                max: *words.iter().max()?,
                sum: if column.name == "level" {
                    words.iter().sum::<u64>() as f64
                } else {
                    f64::NAN
                },
            },
            _ => ColumnRollup::NOTHING,
        });
    }
    let last = chunk.rows() - 1;
    Some(Summary {
        schema: chunk.schema.clone(),
        instances: chunk.instances.clone(),
        selected: chunk.selected.clone(),
        times: (chunk.times[0], chunk.times[last]),
        boot_times: (chunk.boot_times[0], chunk.boot_times[last]),
        rows: chunk.rows(),
        columns,
        strings: chunk.strings.clone(),
        tier: None,
    })
}

prop_compose! {
    /// A table of up to 60 samples about a second apart, with resets, absences, and pauses.
    pub fn table()(
        samples in prop::collection::vec(
            (
                prop::sample::select(&[1_000_000_000u64, 500_000_000, 1, 200_000_000_000][..]),
                prop::array::uniform3(prop::option::weighted(0.9, (
                    prop::option::weighted(0.9, 0..100u64),
                    prop::option::weighted(0.9, 0..100u64),
                    prop::option::weighted(0.9, 0..3u64),
                ))),
                prop::num::u8::ANY,
            ),
            1..60,
        ),
        cuts in prop::collection::vec(0..60usize, 0..8),
    ) -> Table {
        let (mut time, mut totals) = (0u64, [0u64; 3]);
        let (mut times, mut rows) = (Vec::new(), Vec::new());
        for (pause, instances, dice) in samples {
            // Pauses that are too long for a rate are rare, and so are resets.
            time += if pause > 1_000_000_000 && dice > 20 { 1_000_000_000 } else { pause };
            times.push(time);
            let mut n = 0;
            rows.push(instances.map(|row| {
                n += 1;
                row.map(|(grows, level, name)| {
                    if dice < 10 {
                        totals[n - 1] = 0;
                    }
                    totals[n - 1] += grows.unwrap_or(0);
                    [grows.map(|_| totals[n - 1]), level, name]
                })
            }));
        }
        Table { times, rows, cuts }
    }
}
