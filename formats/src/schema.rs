//! What a table is made of: its name, its key columns, its value columns, each with a type, a unit
//! and a meaning. Schemas are carried in every segment, so that a segment explains itself.

use rkyv::with::AsOwned;
use rkyv::{Archive, Deserialize, Serialize};
use std::borrow::Cow;

/// How rows of a table come about.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Read at a fixed cadence for a set of instances (every CPU, every disk).
    Sample,
    /// Rows that happen when they happen (a process exits, an OOM kill).
    Event,
}

/// The type of a column's values.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 64-bit integer.
    I64,
    /// IEEE 754 double.
    F64,
    /// Truth value.
    Bool,
    /// Text.
    String,
    /// Raw bytes.
    Bytes,
    /// How many values were how large: the cell of a [`Histogram`](crate::histogram::Histogram).
    Histogram,
    /// Calls from the outermost to the innermost; see [`crate::stack`].
    Stack,
}

impl ColumnType {
    /// Whether cells hold an index into a dictionary instead of the value itself.
    pub fn is_dictionary(self) -> bool {
        matches!(
            self,
            ColumnType::String | ColumnType::Bytes | ColumnType::Histogram | ColumnType::Stack
        )
    }

    /// The name that people read: `u64`, `string`, ...
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::U64 => "u64",
            ColumnType::I64 => "i64",
            ColumnType::F64 => "f64",
            ColumnType::Bool => "bool",
            ColumnType::String => "string",
            ColumnType::Bytes => "bytes",
            ColumnType::Histogram => "histogram",
            ColumnType::Stack => "stack",
        }
    }
}

/// What the difference of two samples of a column means.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Semantics {
    /// Only grows, until it wraps or is reset; people look at its rate.
    Counter,
    /// A level; people look at the value.
    Gauge,
    /// A name, a flag, an identity: neither rates nor averages make sense.
    State,
}

impl Semantics {
    /// The name that people read: `counter`, `gauge`, `state`.
    pub fn name(self) -> &'static str {
        match self {
            Semantics::Counter => "counter",
            Semantics::Gauge => "gauge",
            Semantics::State => "state",
        }
    }
}

/// Units of columns. A unit is free text in the schema; these are the ones in use, so that they
/// are written alike everywhere.
pub mod unit {
    /// Dimensionless number of things, events or operations.
    pub const COUNT: &str = "count";
    /// Nanoseconds.
    pub const NS: &str = "ns";
    /// Bytes.
    pub const BYTES: &str = "bytes";
    /// Parts of one, 0..1.
    pub const RATIO: &str = "ratio";
    /// Percent, 0..100.
    pub const PERCENT: &str = "percent";
    /// Hertz.
    pub const HZ: &str = "Hz";
    /// Degrees Celsius.
    pub const CELSIUS: &str = "celsius";
    /// Revolutions a minute.
    pub const RPM: &str = "rpm";
    /// Microjoules.
    pub const UJ: &str = "uJ";
    /// Volts.
    pub const VOLT: &str = "V";
    /// Watts.
    pub const WATT: &str = "W";
    /// Amperes.
    pub const AMPERE: &str = "A";
    /// Bits a second.
    pub const BIT_PER_S: &str = "bit/s";
    /// An address and a port: `192.0.2.1:80`, `[2001:db8::1]:80`.
    pub const ENDPOINT: &str = "ip:port";
    /// No unit: names, flags, identities.
    pub const NONE: &str = "";
}

/// Text that mostly stands in the program, and is copied for what was read only.
pub type Text = Cow<'static, str>;

/// One column of a table.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, units last: `user_ns`, `rss_bytes`.
    pub name: String,
    /// The type of its values.
    pub kind: ColumnType,
    /// What differences mean.
    pub semantics: Semantics,
    /// The unit of its values; see [`mod@unit`].
    #[rkyv(with = AsOwned)]
    pub unit: Text,
    /// The step in which the kernel counts, in units of the column: 0 when exact, 10,000,000 for
    /// nanoseconds that are really ticks of 10 ms.
    pub quantum: u64,
    /// What it is, in a phrase, with the kernel's name for it where that differs.
    #[rkyv(with = AsOwned)]
    pub doc: Text,
}

/// One table: what a source yields.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name: `cpu`, `disk`, `process`.
    pub name: String,
    /// Samples or events.
    pub kind: TableKind,
    /// Where the data comes from: `/proc/stat`.
    #[rkyv(with = AsOwned)]
    pub source: Text,
    /// What the table holds, in a sentence.
    #[rkyv(with = AsOwned)]
    pub doc: Text,
    /// The columns that tell instances apart. Empty for a table of one instance.
    pub keys: Vec<Column>,
    /// The columns that are sampled.
    pub values: Vec<Column>,
    /// Nanoseconds between two samples; 0 for events.
    pub interval_ns: u64,
    /// For a rollup tier, the step that each row covers, in ns; 0 for what a source sent.
    pub tier_ns: u64,
}

impl Schema {
    /// Starts the schema of a sample table.
    pub fn sample(name: &str, source: impl Into<Text>, doc: impl Into<Text>) -> Schema {
        Schema::new(name, TableKind::Sample, source, doc)
    }

    /// Starts the schema of an event table.
    pub fn event(name: &str, source: impl Into<Text>, doc: impl Into<Text>) -> Schema {
        Schema::new(name, TableKind::Event, source, doc)
    }

    fn new(name: &str, kind: TableKind, source: impl Into<Text>, doc: impl Into<Text>) -> Schema {
        Schema {
            name: name.into(),
            kind,
            source: source.into(),
            doc: doc.into(),
            keys: Vec::new(),
            values: Vec::new(),
            interval_ns: 0,
            tier_ns: 0,
        }
    }

    /// Adds a key column.
    #[must_use]
    pub fn key(mut self, name: &str, kind: ColumnType, doc: impl Into<Text>) -> Schema {
        self.keys.push(Column::new(name, kind, Semantics::State, unit::NONE, doc));
        self
    }

    /// Adds a counter of type `u64`.
    #[must_use]
    pub fn counter(self, name: &str, unit: impl Into<Text>, doc: impl Into<Text>) -> Schema {
        self.column(Column::new(name, ColumnType::U64, Semantics::Counter, unit, doc))
    }

    /// Adds a gauge of the given type.
    #[must_use]
    pub fn gauge(
        self,
        name: &str,
        kind: ColumnType,
        unit: impl Into<Text>,
        doc: impl Into<Text>,
    ) -> Schema {
        self.column(Column::new(name, kind, Semantics::Gauge, unit, doc))
    }

    /// Adds the histogram of values in `unit`.
    #[must_use]
    pub fn histogram(self, name: &str, unit: impl Into<Text>, doc: impl Into<Text>) -> Schema {
        self.gauge(name, ColumnType::Histogram, unit, doc)
    }

    /// Adds a state of the given type.
    #[must_use]
    pub fn state(self, name: &str, kind: ColumnType, doc: impl Into<Text>) -> Schema {
        self.column(Column::new(name, kind, Semantics::State, unit::NONE, doc))
    }

    /// Adds a value column.
    #[must_use]
    pub fn column(mut self, column: Column) -> Schema {
        self.values.push(column);
        self
    }

    /// Says that the column added last is counted in steps of `quantum`.
    #[must_use]
    pub fn counted_in(mut self, quantum: u64) -> Schema {
        if let Some(column) = self.values.last_mut() {
            column.quantum = quantum;
        }
        self
    }

    /// The columns of one stored row: of a sample table the values (keys belong to the instance),
    /// of an event table keys and values.
    pub fn row_columns(&self) -> impl Iterator<Item = &Column> {
        let keys: &[Column] = match self.kind {
            TableKind::Sample => &[],
            TableKind::Event => &self.keys,
        };
        keys.iter().chain(&self.values)
    }

    /// How many columns [`Schema::row_columns`] yields.
    pub fn row_width(&self) -> usize {
        match self.kind {
            TableKind::Sample => self.values.len(),
            TableKind::Event => self.keys.len() + self.values.len(),
        }
    }

    /// How many key words an instance has: 0 for event tables, whose keys are ordinary columns.
    pub fn key_width(&self) -> usize {
        match self.kind {
            TableKind::Sample => self.keys.len(),
            TableKind::Event => 0,
        }
    }
}

impl Column {
    /// A column that is exact; see [`Column::quantum`].
    pub fn new(
        name: &str,
        kind: ColumnType,
        semantics: Semantics,
        unit: impl Into<Text>,
        doc: impl Into<Text>,
    ) -> Column {
        Column {
            name: name.into(),
            kind,
            semantics,
            unit: unit.into(),
            quantum: 0,
            doc: doc.into(),
        }
    }
}
