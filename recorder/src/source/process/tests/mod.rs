//! The source on the processes of this machine, and on a procfs that was made up.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod live;
mod made_up;

use super::SOURCE;
use crate::source::trial::{Table, sample};
use crate::source::{Context, Source};
use nodemon_formats::Value;
use std::time::{Duration, Instant};

struct Recorder {
    source: Box<dyn Source>,
}

impl Recorder {
    fn open(context: &Context) -> Recorder {
        Recorder { source: (SOURCE.open)(context).unwrap() }
    }

    fn sample(&mut self) -> Table {
        let [table] = sample(self.source.as_mut(), &(SOURCE.tables)()).unwrap().try_into().unwrap();
        table
    }

    /// Samples until `pid` sleeps, so that everything that it did is accounted for.
    fn asleep(&mut self, pid: u32) -> Row {
        let start = Instant::now();
        loop {
            let row = Row::of(self.sample(), pid).expect("the process is in the sample");
            if row.text("state") == "S" {
                return row;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{pid} does not fall asleep");
        }
    }
}

struct Row {
    table: Table,
    keys: [String; 2],
}

impl Row {
    fn of(table: Table, pid: u32) -> Option<Row> {
        let (keys, _) = table.rows.iter().find(|(keys, _)| keys[0] == Value::U64(pid.into()))?;
        let keys = [keys[0].to_string(), keys[1].to_string()];
        Some(Row { table, keys })
    }

    fn value(&self, column: &str) -> Value {
        self.table.value(&[&self.keys[0], &self.keys[1]], column)
    }

    fn text(&self, column: &str) -> String {
        match self.value(column) {
            Value::String(text) => text,
            other => panic!("{column} is {other:?}"),
        }
    }

    fn u64(&self, column: &str) -> u64 {
        match self.value(column) {
            Value::U64(value) => value,
            other => panic!("{column} is {other:?}"),
        }
    }
}
