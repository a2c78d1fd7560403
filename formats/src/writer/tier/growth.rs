//! What counters grew by, while a tier gathers: instances by their keys, for as long as growth
//! since their last sample can be told.

use super::schema::is_counter;
use crate::block::Rows;
use crate::growth::{Beginning, Standing, Succession, between, from_zero};
use crate::schema::{Column, ColumnType, Schema};
use std::collections::HashMap;

/// So many instances more than those at hand are kept before the old ones are looked for.
const SPARE_INSTANCES: usize = 256;

/// A key of an instance, free of any dictionary.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// As it is.
    Word(u64),
    /// A string.
    Text(Vec<u8>),
}

/// The instances of a table and the last values of their counters.
pub struct Growths {
    succession: Succession,
    /// The counters: index among the values, and type.
    counters: Vec<(usize, ColumnType)>,
    /// Whether all of them are whole numbers without a sign.
    are_unsigned: bool,
    numbers: HashMap<Vec<Key>, usize>,
    known: Vec<Known>,
    /// The last values of the counters of each of them, one after the other.
    words: Vec<Option<u64>>,
    free: Vec<usize>,
    /// When the table was sampled last; `None` before its first sample.
    last_ns: Option<u64>,
    /// Its first sample.
    began_ns: u64,
}

/// An instance.
#[derive(Clone, Default)]
struct Known {
    seen_ns: Option<u64>,
    start_ns: Option<u64>,
}

/// The first row of an instance of which another run of the recorder may know more.
#[derive(Clone)]
pub struct First {
    /// When it was sampled.
    pub time_ns: u64,
    /// When the table was sampled before, if this run did.
    pub before_ns: Option<u64>,
    /// The values of the counters.
    pub words: Vec<Option<u64>>,
}

/// Over which time one step of one instance has grown. By how much, for each counter and typed by it,
/// is kept beside it, `None` until there is growth.
#[derive(Clone, Default)]
pub struct Grown {
    /// Over which time, ns.
    pub ns: u64,
    /// Where nothing is known of what was before: its first row.
    pub first: Option<First>,
    /// When it was sampled last.
    pub last_ns: u64,
    /// Whether rows came since that only grew, and whose growth is not added yet: their growth is the
    /// difference between the last of them and what is known of the instance.
    is_behind: bool,
}

impl Growths {
    /// Nothing was seen yet of the table of `schema`.
    pub fn new(schema: &Schema) -> Growths {
        let counter =
            |(at, column): (usize, &Column)| is_counter(column).then_some((at, column.kind));
        let counters: Vec<_> = schema.values.iter().enumerate().filter_map(counter).collect();
        let is_signed =
            |(_, kind): &(usize, ColumnType)| matches!(kind, ColumnType::F64 | ColumnType::I64);
        Growths {
            succession: Succession::from_schema(schema),
            are_unsigned: !counters.iter().any(is_signed),
            counters,
            numbers: HashMap::new(),
            known: Vec::new(),
            words: Vec::new(),
            free: Vec::new(),
            last_ns: None,
            began_ns: 0,
        }
    }

    /// The number of an instance, for as long as it is remembered.
    pub fn number_of(&mut self, keys: &[Key]) -> usize {
        if let Some(number) = self.numbers.get(keys) {
            return *number;
        }
        let start_ns = match self.succession.beginning {
            Beginning::Start { key, .. } => match keys.get(key) {
                Some(Key::Word(start)) => Some(*start),
                _ => None,
            },
            _ => None,
        };
        let known = Known { seen_ns: None, start_ns };
        let number = match self.free.pop() {
            Some(number) => {
                self.known[number] = known;
                number
            }
            None => {
                self.known.push(known);
                self.known.len() - 1
            }
        };
        let counters = self.counters.len();
        self.words.resize(self.known.len() * counters, None);
        self.words[number * counters..(number + 1) * counters].fill(None);
        self.numbers.insert(keys.to_vec(), number);
        number
    }

    /// How many counters the table has.
    pub fn counters(&self) -> usize {
        self.counters.len()
    }

    /// Takes one row of an instance in, sampled at `time_ns`. `before` is the row of it that was taken
    /// before, where that is in the same step and among the same rows.
    pub fn take(
        &mut self,
        number: usize,
        rows: &Rows,
        (before, row): (Option<usize>, usize),
        time_ns: u64,
        (grown, by): (&mut Grown, &mut [Option<u64>]),
    ) {
        if let Some(before) = before {
            if self.only_grows(number, rows, (before, row), time_ns) {
                let known = &mut self.known[number];
                let since_ns = known.seen_ns.replace(time_ns).unwrap_or(time_ns);
                grown.ns += time_ns - since_ns;
                grown.last_ns = time_ns;
                grown.is_behind = true;
                return;
            }
            self.settle(number, rows, before, (grown, by));
        }
        self.take_by_column(number, rows, row, time_ns, (grown, by));
    }

    /// Whether a row follows `before` with the same counters, none of which fell: what a thousand
    /// rows a second mostly do. Then their growth is a difference of two rows however many lie in
    /// between, and nothing but this is to be done for each.
    fn only_grows(
        &self,
        number: usize,
        rows: &Rows,
        (before, row): (usize, usize),
        time_ns: u64,
    ) -> bool {
        let Some(seen_ns) = self.known[number].seen_ns else { return false };
        let follows = match self.succession.beginning {
            Beginning::Start { .. } => true,
            _ => self.last_ns == Some(seen_ns),
        };
        let is_recent =
            |then_ns: u64| time_ns > then_ns && time_ns - then_ns <= self.succession.longest_ns;
        if !self.are_unsigned
            || !follows
            || !is_recent(seen_ns)
            || !self.last_ns.is_some_and(is_recent)
        {
            return false;
        }
        let width = rows.width;
        let (from, to) = (before * width, row * width);
        let (earlier, later) = (&rows.cells[from..from + width], &rows.cells[to..to + width]);
        let grows = |column: usize| earlier[column] <= later[column] && later[column] != u64::MAX;
        match rows.is_whole_from(from.min(to)) {
            true => self.counters.iter().all(|&(column, _)| grows(column)),
            false => self.counters.iter().all(|&(column, _)| {
                let absent = rows.is_absent(to + column);
                rows.is_absent(from + column) == absent && (absent || grows(column))
            }),
        }
    }

    /// Adds the growth up to `row`, the last that was taken, where it was not added yet.
    pub fn settle(
        &mut self,
        number: usize,
        rows: &Rows,
        row: usize,
        (grown, by): (&mut Grown, &mut [Option<u64>]),
    ) {
        if !std::mem::take(&mut grown.is_behind) {
            return;
        }
        let words = self.words[number * self.counters.len()..].iter_mut().zip(by);
        for (&(column, kind), (last, sum)) in self.counters.iter().zip(words) {
            let cell = row * rows.width + column;
            if rows.is_absent(cell) {
                continue;
            }
            let word = rows.cells[cell];
            if let Some(by) = last.replace(word).map(|last| word.saturating_sub(last)) {
                *sum = Some(sum.map_or(by, |sum| add(kind, sum, by)));
            }
        }
    }

    fn take_by_column(
        &mut self,
        number: usize,
        rows: &Rows,
        row: usize,
        time_ns: u64,
        (grown, sums): (&mut Grown, &mut [Option<u64>]),
    ) {
        let known = &mut self.known[number];
        let counters = self.counters.len();
        let words = &mut self.words[number * counters..(number + 1) * counters];
        let standing = self.succession.standing(
            known.seen_ns,
            self.began_ns,
            self.last_ns,
            time_ns,
            known.start_ns,
            false,
        );
        let since_ns = match standing {
            Standing::Continues | Standing::Began => self.last_ns,
            Standing::Bridges => known.seen_ns,
            Standing::Unknown => None,
        };
        grown.ns += since_ns.map_or(0, |since_ns| time_ns - since_ns);
        for (at, &(column, kind)) in self.counters.iter().enumerate() {
            let cell = row * rows.width + column;
            let word = (!rows.is_absent(cell)).then(|| rows.cells[cell]);
            let last = words[at];
            if word.is_some() || standing != Standing::Bridges {
                words[at] = word;
            }
            let Some(word) = word else { continue };
            let by = match (standing, last) {
                (Standing::Continues | Standing::Bridges, Some(last)) => between(kind, last, word),
                (Standing::Began, _) => from_zero(kind, word),
                _ => None,
            };
            if let Some(by) = by {
                sums[at] = Some(match sums[at] {
                    Some(sum) => add(kind, sum, by),
                    None => by,
                });
            }
        }
        // What this run left out before, the run before may have seen.
        let was_left_out = || {
            standing == Standing::Unknown
                && known.seen_ns.is_none()
                && matches!(self.succession.beginning, Beginning::Start { .. })
                && time_ns.saturating_sub(self.began_ns) <= self.succession.longest_ns
        };
        if grown.first.is_none() && (self.last_ns.is_none() || was_left_out()) {
            let words = words.to_vec();
            grown.first = Some(First { time_ns, before_ns: self.last_ns, words });
        }
        known.seen_ns = Some(time_ns);
        grown.last_ns = time_ns;
    }

    /// A sample is done.
    pub fn end_sample(&mut self, time_ns: u64) {
        if self.last_ns.is_none() {
            self.began_ns = time_ns;
        }
        self.last_ns = Some(time_ns);
    }

    /// Rows of so many instances are done: forgets those of which nothing more can be told.
    pub fn forget(&mut self, instances: usize) {
        if self.numbers.len() <= 2 * instances + SPARE_INSTANCES {
            return;
        }
        let (known, free) = (&self.known, &mut self.free);
        let since_ns = self.last_ns.unwrap_or(0).saturating_sub(self.succession.longest_ns);
        self.numbers.retain(|_, number| {
            let is_recent = known[*number].seen_ns.is_some_and(|seen_ns| seen_ns >= since_ns);
            if !is_recent {
                free.push(*number);
            }
            is_recent
        });
        if self.free.len() > self.known.len() / 2 + SPARE_INSTANCES {
            self.close_ranks();
        }
    }

    /// Gives the memory of those that are gone back: the others get other numbers, which are
    /// asked for with the next rows.
    fn close_ranks(&mut self) {
        let counters = self.counters.len();
        let known = Vec::with_capacity(self.numbers.len());
        let known = std::mem::replace(&mut self.known, known);
        let words = Vec::with_capacity(self.numbers.len() * counters);
        let words = std::mem::replace(&mut self.words, words);
        for number in self.numbers.values_mut() {
            let at = std::mem::replace(number, self.known.len());
            self.known.push(known[at].clone());
            self.words.extend_from_slice(&words[at * counters..(at + 1) * counters]);
        }
        self.free = Vec::new();
    }
}

fn add(kind: ColumnType, a: u64, b: u64) -> u64 {
    match kind {
        ColumnType::F64 => (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
        ColumnType::I64 => a.cast_signed().saturating_add(b.cast_signed()).cast_unsigned(),
        _ => a.saturating_add(b),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Grown, Growths, Key};
    use crate::block::Rows;
    use crate::record::{RecordBuilder, RecordView};
    use crate::schema::{ColumnType, Schema, unit};
    use rkyv::util::AlignedVec;
    use std::collections::HashMap;

    const SECOND_NS: u64 = 1_000_000_000;
    /// Samples of a block.
    const BLOCK: u64 = 10;

    /// A block whose counters grow by their key and one each second.
    fn block(schema: &Schema, number: u64, keys: std::ops::Range<u64>) -> Rows {
        let mut record = RecordBuilder::new(schema);
        for second in number * BLOCK..(number + 1) * BLOCK {
            record.begin_sample((1 + second) * SECOND_NS);
            for key in keys.clone() {
                record.instance(|filler| filler.u64(key));
                record.u64(second * (key + 1));
            }
            record.end_sample();
        }
        let mut archive = AlignedVec::new();
        record.finish(0, &mut archive).unwrap();
        let mut rows = Rows::new(schema);
        rows.append(&RecordView::access(&archive, rows.width, rows.key_width).unwrap()).unwrap();
        rows
    }

    #[test]
    fn who_stays_while_thousands_go_grows_on_and_those_take_no_memory_any_more() {
        let schema = Schema::sample("t", "a test", "").key("k", ColumnType::U64, "").counter(
            "c",
            unit::COUNT,
            "",
        );
        let schema = Schema { interval_ns: SECOND_NS, ..schema };
        let mut growths = Growths::new(&schema);
        let mut sums: HashMap<u64, (Grown, [Option<u64>; 1])> = HashMap::new();
        let blocks = 40;
        for number in 0..blocks {
            // A storm in the first and in the twentieth.
            let keys = if number % 20 == 0 { 0..3000 } else { 0..7 };
            let rows = block(&schema, number, keys);
            let mut newest: HashMap<u64, (usize, usize)> = HashMap::new();
            let mut start = 0;
            for (&time, &end) in rows.times.iter().zip(&rows.row_ends) {
                for row in start..end as usize {
                    let key = rows.keys[rows.rows[row] as usize];
                    let of_key = growths.number_of(&[Key::Word(key)]);
                    let before = newest.insert(key, (of_key, row)).map(|(_, row)| row);
                    let (grown, by) = sums.entry(key).or_default();
                    growths.take(of_key, &rows, (before, row), time, (grown, by));
                }
                start = end as usize;
                growths.end_sample(time);
            }
            for (key, (of_key, row)) in newest {
                let (grown, by) = sums.get_mut(&key).unwrap();
                growths.settle(of_key, &rows, row, (grown, by));
            }
            growths.forget(rows.instances());
        }
        for key in 0..7 {
            let seconds = blocks * BLOCK - 1;
            assert_eq!(sums[&key].1, [Some(seconds * (key + 1))], "of {key}");
        }
        let (known, words) = (growths.known.len(), growths.words.len());
        assert!(known == words && known < 300, "{known} are known, with {words} values");
    }
}
