//! What an answer has to be: every row looked at by itself, everything kept.

use super::table::{NAMES, Table};
use crate::question::{Aggregate, Cell, Plan};
use nodemon_formats::{ColumnType, Value};
use std::collections::BTreeMap;

/// A row of the table, with its rates.
#[derive(Clone)]
struct Sampled {
    wall: i64,
    instance: usize,
    /// For each column the value as a number, and the growth and the time since the one before.
    values: [Option<u64>; 3],
    growth: Option<(u64, u64)>,
}

pub struct Model<'a> {
    plan: &'a Plan,
    rows: Vec<Sampled>,
}

impl<'a> Model<'a> {
    pub fn new(table: &Table, plan: &'a Plan) -> Model<'a> {
        let mut rows = Vec::new();
        let mut before: [Option<(u64, usize)>; 3] = [None; 3];
        for (n, instances) in table.rows.iter().enumerate() {
            for (instance, row) in instances.iter().enumerate() {
                let Some(values) = *row else { continue };
                let time = table.times[n];
                let growth = values[0].and_then(|value| {
                    let (old, at) = before[instance].replace((value, n))?;
                    let ns = time - table.times[at];
                    let by = match value >= old {
                        true => value - old,
                        false if value <= old / 8 => value,
                        false => return None,
                    };
                    // A CPU that was away, or had no value, is nobody's successor.
                    (at + 1 == n && ns > 0 && ns <= plan.longest_pair_ns).then_some((by, ns))
                });
                rows.push(Sampled { wall: table.wall(n), instance, values, growth });
            }
        }
        rows.retain(|row| row.wall >= plan.from && row.wall < plan.to);
        rows.retain(|row| {
            let keys = plan.key_tests.iter();
            keys.into_iter().all(|t| t.test.passes_value(&Value::U64(row.instance as u64)))
        });
        let mut model = Model { plan, rows: Vec::new() };
        rows.retain(|row| plan.value_tests.iter().all(|t| model.passes(row, t.slot, &t.test)));
        model.rows = rows;
        model
    }

    fn passes(&self, row: &Sampled, slot: usize, test: &crate::filter::Test) -> bool {
        let slot = &self.plan.slots[slot];
        match (slot.rate, row.values[slot.column], slot.kind) {
            (true, ..) => row.growth.is_some_and(|(by, ns)| {
                test.passes_number(ColumnType::F64, (by as f64 * 1e9 / ns as f64).to_bits())
            }),
            (_, None, _) => false,
            (_, Some(word), ColumnType::String) => {
                test.passes_value(&Value::String(NAMES[word as usize].into()))
            }
            (_, Some(word), _) => test.passes_value(&Value::U64(word)),
        }
    }

    pub fn rows(&self) -> Vec<String> {
        let text = |row: &Sampled| {
            let cells = self.plan.cells.iter().map(|cell| {
                let slot = &self.plan.slots[cell.slot];
                match slot.rate {
                    true => row.growth.map(rate).map_or("-".into(), float),
                    false => row.values[slot.column].map_or("-".into(), |w| plain(slot.kind, w)),
                }
            });
            let cells: Vec<String> = cells.collect();
            format!("{} {} {}", row.wall, row.instance, cells.join(" "))
        };
        self.rows.iter().map(text).collect()
    }

    pub fn steps(&self) -> Vec<String> {
        let step = self.plan.step.unwrap();
        let mut groups: BTreeMap<(i64, usize), Vec<&Sampled>> = BTreeMap::new();
        for row in &self.rows {
            groups.entry((step.number_at(row.wall), row.instance)).or_default().push(row);
        }
        let used =
            |row: &&Sampled| self.plan.slots.iter().any(|slot| row.values[slot.column].is_some());
        let with_values = groups.iter().filter(|(_, rows)| rows.iter().any(used));
        let text = |((number, instance), rows): (&(i64, usize), &Vec<&Sampled>)| {
            let cells: Vec<String> =
                self.plan.cells.iter().map(|cell| self.aggregate(cell, rows)).collect();
            format!("{} {instance} {}", step.start(*number), cells.join(" "))
        };
        with_values.map(text).collect()
    }

    fn aggregate(&self, cell: &Cell, rows: &[&Sampled]) -> String {
        let slot = &self.plan.slots[cell.slot];
        let aggregate = cell.aggregate.unwrap();
        let words: Vec<u64> = rows.iter().filter_map(|row| row.values[slot.column]).collect();
        if aggregate == Aggregate::Count {
            return words.len().to_string();
        }
        if slot.kind == ColumnType::String {
            let word = if aggregate == Aggregate::First { words.first() } else { words.last() };
            return word.map_or("-".into(), |word| plain(slot.kind, *word));
        }
        let growths: Vec<(u64, u64)> = rows.iter().filter_map(|row| row.growth).collect();
        let total = growths.iter().fold((0, 0), |sum, g| (sum.0 + g.0, sum.1 + g.1));
        let values: Vec<f64> = match slot.rate {
            true => growths.into_iter().map(rate).collect(),
            false => words.iter().map(|word| *word as f64).collect(),
        };
        if values.is_empty() {
            return "-".into();
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let value = match aggregate {
            Aggregate::Avg if slot.rate => rate(total),
            Aggregate::Sum if slot.rate => return total.0.to_string(),
            Aggregate::Avg => values.iter().sum::<f64>() / values.len() as f64,
            Aggregate::Sum => values.iter().sum(),
            Aggregate::Min => sorted[0],
            Aggregate::Max => sorted[sorted.len() - 1],
            Aggregate::First => values[0],
            Aggregate::Last => values[values.len() - 1],
            Aggregate::Percentile(p) => {
                sorted[((p / 100.0 * sorted.len() as f64).ceil() as usize).max(1) - 1]
            }
            Aggregate::Count => unreachable!(),
        };
        let keeps_type = !slot.rate
            && !matches!(aggregate, Aggregate::Avg | Aggregate::Sum | Aggregate::Percentile(_));
        if keeps_type { format!("{value}") } else { float(value) }
    }
}

fn rate((by, ns): (u64, u64)) -> f64 {
    by as f64 * 1e9 / ns as f64
}

fn float(value: f64) -> String {
    format!("{value:.6e}")
}

fn plain(kind: ColumnType, word: u64) -> String {
    if kind == ColumnType::String { NAMES[word as usize].into() } else { word.to_string() }
}
