//! The source on the processes of this machine, and on a procfs that was made up.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agreement;
mod bench;
mod child;
mod live;
mod made_up;

use super::SOURCE;
use crate::redact::{Arguments, Shown};
use crate::source::test_support::{Table, sample};
use crate::source::{Asked, Context, Feed, Source};
use nodemon_formats::Value;
use nodemon_skip::skip;
use std::time::{Duration, Instant};

struct Recorder {
    source: Box<dyn Source>,
}

/// What asks for one feed and no other.
fn fed_by(feed: Feed) -> Context {
    let full = Arguments { shown: Shown::Full, ..Arguments::default() };
    let every = Asked::every(Duration::from_secs(1));
    let asked = Asked { feed: Some(feed), arguments: full, ..every };
    Context { asked, ..Context::default() }
}

/// The feeds that there are here.
fn feeds() -> Vec<Feed> {
    match (SOURCE.open)(&fed_by(Feed::Ebpf)) {
        Ok(_) => vec![Feed::Proc, Feed::Ebpf],
        Err(why) => {
            skip!("{why}");
            vec![Feed::Proc]
        }
    }
}

impl Recorder {
    fn open(feed: Feed) -> Recorder {
        Recorder { source: (SOURCE.open)(&fed_by(feed)).unwrap() }
    }

    fn sample(&mut self) -> Table {
        let [table] = sample(self.source.as_mut(), &(SOURCE.tables)()).unwrap().try_into().unwrap();
        table
    }

    /// Samples until `pid` sleeps, so that everything that it did is accounted for.
    fn asleep(&mut self, pid: u32) -> Row {
        let start = Instant::now();
        loop {
            let row = Row::of_process(self.sample(), pid).expect("the process is in the sample");
            if row.text("state") == "S" {
                return row;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{pid} does not fall asleep");
        }
    }
}

/// What the kernel's counters of memory may lack: from Linux 6.2 on each CPU keeps some pages back.
const MEMORY_BYTES: u64 = 4 << 20;

/// What the feeds may differ in, for a process that sleeps.
fn may_differ_by(column: &str) -> u64 {
    match column {
        // How time is divided depends on how often somebody asked.
        "user_ns" | "system_ns" => 20_000_000,
        "rss_bytes" | "rss_anon_bytes" | "rss_file_bytes" | "rss_shmem_bytes" => MEMORY_BYTES,
        _ => 0,
    }
}

/// Whether a value is as it should be, as exactly as the feed is.
fn near(feed: Feed, column: &str, value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::U64(value), Value::U64(expected)) if feed == Feed::Ebpf => {
            value.abs_diff(*expected) <= may_differ_by(column)
        }
        _ => value == expected,
    }
}

struct Row {
    table: Table,
    keys: [String; 2],
}

impl Row {
    fn of_process(table: Table, pid: u32) -> Option<Row> {
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
