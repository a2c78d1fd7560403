//! One histogram of a tick, as people and programs are told it.

use nodemon_formats::narrow::whole;
use serde_json::{Value, json};

/// One histogram of one instance over one tick, in which there was an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The table.
    pub table: String,
    /// The keys of the instance, each with its name.
    pub keys: Vec<(String, String)>,
    /// The column, as the schema has it.
    pub column: String,
    /// The same for people, where the table has more than one; else empty.
    pub label: String,
    /// Unit of the figures.
    pub unit: String,
    /// Events.
    pub count: f64,
    /// What half of them do not exceed.
    pub p50: f64,
    /// What 99 % of them do not exceed.
    pub p99: f64,
    /// What none of them exceeds.
    pub max: f64,
}

impl Distribution {
    /// The same for programs.
    pub fn json(&self) -> Value {
        let keys = self.keys.iter().map(|(name, value)| (name.clone(), json!(value)));
        json!({
            "table": self.table,
            "keys": keys.collect::<serde_json::Map<_, _>>(),
            "column": self.column,
            "unit": self.unit,
            "count": whole(self.count),
            "p50": self.p50,
            "p99": self.p99,
            "max": whole(self.max),
        })
    }
}
