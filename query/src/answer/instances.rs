//! Instances over chunks. A chunk numbers its own; here each has one number for as long as it
//! lives.

use crate::question::{KeyTest, Plan};
use nodemon_formats::Value;
use nodemon_formats::narrow::count32;
use std::collections::HashMap;

/// Instances that are alive.
pub struct Instances<'a> {
    plan: &'a Plan,
    numbers: HashMap<Box<[u8]>, u32>,
    known: Vec<Instance>,
    free: Vec<u32>,
    text: Vec<u8>,
}

/// One instance.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// Its keys, as the schema has them.
    pub keys: Vec<Value>,
    /// Whether its keys pass what was asked for.
    wanted: bool,
    last_seen: i64,
}

/// An instance of a chunk that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its index in the chunk.
    pub index: usize,
    /// Its number in [`Instances`].
    pub number: usize,
}

/// So many values of a key are mentioned.
const MENTIONED: usize = 12;

/// Beyond this many instances those that died are looked for.
const MANY: usize = 4096;

impl<'a> Instances<'a> {
    /// No instances yet.
    pub fn new(plan: &'a Plan) -> Instances<'a> {
        Instances {
            plan,
            numbers: HashMap::new(),
            known: Vec::new(),
            free: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Numbers the instances of a chunk whose last row is at `time`, and lists those that are
    /// wanted in `wanted`. Calls `born` with each number that is given out, perhaps again.
    pub fn number(
        &mut self,
        instances: &[Vec<Value>],
        time: i64,
        wanted: &mut Vec<Wanted>,
        mut born: impl FnMut(usize),
    ) {
        wanted.clear();
        for (index, keys) in instances.iter().enumerate() {
            let number = self.number_of(keys, &mut born);
            let instance = &mut self.known[number];
            instance.last_seen = time;
            if instance.wanted {
                wanted.push(Wanted { index, number });
            }
        }
        if self.numbers.len() > MANY {
            self.bury(time);
        }
    }

    /// The instance of a number.
    pub fn get(&self, number: usize) -> &Instance {
        &self.known[number]
    }

    /// Where there are instances and none is wanted: values of the first key that was asked for.
    pub fn refused_keys(&self) -> Vec<String> {
        let Some(test) = self.plan.key_tests.first() else { return Vec::new() };
        if self.known.iter().any(|instance| instance.wanted) {
            return Vec::new();
        }
        let mut values: Vec<String> = Vec::new();
        for value in self.known.iter().filter_map(|instance| instance.keys.get(test.key)) {
            let value = value.to_string();
            if values.len() < MENTIONED && !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    fn number_of(&mut self, keys: &[Value], born: &mut impl FnMut(usize)) -> usize {
        self.text.clear();
        keys.iter().for_each(|key| write_key(key, &mut self.text));
        if let Some(number) = self.numbers.get(&self.text[..]) {
            return *number as usize;
        }
        let passes =
            |test: &KeyTest| keys.get(test.key).is_some_and(|key| test.test.passes_value(key));
        let wanted = self.plan.key_tests.iter().all(passes);
        let instance = Instance { keys: keys.to_vec(), wanted, last_seen: i64::MIN };
        let number = match self.free.pop() {
            Some(number) => {
                self.known[number as usize] = instance;
                number
            }
            None => {
                self.known.push(instance);
                count32(self.known.len() - 1)
            }
        };
        self.numbers.insert(self.text.clone().into(), number);
        born(number as usize);
        number as usize
    }

    /// Forgets instances that were not seen for so long that nothing is remembered of them.
    fn bury(&mut self, now: i64) {
        let step = self.plan.step.map_or(0, |step| step.length);
        let memory = i64::try_from(self.plan.longest_pair_ns).unwrap_or(i64::MAX).max(step);
        let (known, free) = (&self.known, &mut self.free);
        self.numbers.retain(|_, number| {
            let alive = now.saturating_sub(known[*number as usize].last_seen) <= memory;
            if !alive {
                free.push(*number);
            }
            alive
        });
    }
}

/// Writes a key so that different keys are written differently.
fn write_key(key: &Value, text: &mut Vec<u8>) {
    let mut word = |tag: u8, word: u64| {
        text.push(tag);
        text.extend_from_slice(&word.to_le_bytes());
    };
    match key {
        Value::U64(value) => word(1, *value),
        Value::I64(value) => word(2, value.cast_unsigned()),
        Value::F64(value) => word(3, value.to_bits()),
        Value::Bool(value) => word(4, u64::from(*value)),
        Value::String(value) => {
            word(5, value.len() as u64);
            text.extend_from_slice(value.as_bytes());
        }
        Value::Bytes(value) => {
            word(6, value.len() as u64);
            text.extend_from_slice(value);
        }
        Value::Absent => text.push(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Instances, MANY, write_key};
    use crate::question::Question;
    use nodemon_formats::{ColumnType, Schema, Value};
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn processes_that_come_and_go_for_ever_are_forgotten() {
        let schema =
            Arc::new(Schema::sample("process", "/proc", "").key("pid", ColumnType::U64, ""));
        let plan = Question::default().plan(&schema, "").unwrap();
        let mut instances = Instances::new(&plan);
        let (mut wanted, mut born) = (Vec::new(), 0usize);
        for minute in 0..200u64 {
            let pids: Vec<_> = (0..1000).map(|n| vec![Value::U64(minute * 1000 + n)]).collect();
            let time = minute as i64 * 60_000_000_000;
            instances.number(&pids, time, &mut wanted, |number| born = born.max(number));
            assert_eq!(wanted.len(), 1000);
            let numbers: std::collections::HashSet<_> = wanted.iter().map(|w| w.number).collect();
            assert_eq!(numbers.len(), 1000, "two living processes share a number");
        }
        assert!(born < 2 * MANY, "{born} numbers for 1000 processes alive at a time");
    }

    fn key() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0u64..3).prop_map(Value::U64),
            (0i64..3).prop_map(Value::I64),
            any::<bool>().prop_map(Value::Bool),
            "[ab]{0,2}".prop_map(Value::String),
            prop::collection::vec(0u8..2, 0..2).prop_map(Value::Bytes),
            Just(Value::Absent),
        ]
    }

    proptest! {
        #[test]
        fn different_keys_are_spelt_differently(
            a in prop::collection::vec(key(), 0..4),
            b in prop::collection::vec(key(), 0..4),
        ) {
            let written = |keys: &[Value]| {
                let mut text = Vec::new();
                keys.iter().for_each(|key| write_key(key, &mut text));
                text
            };
            prop_assert_eq!(written(&a) == written(&b), a == b);
        }
    }
}
