//! What the columns of an answer are.

use crate::columns::label;
use nodemon_formats::{Column, ColumnType, Schema, Semantics, TableKind};
use std::collections::HashSet;

/// The columns of an answer and where they come from. Column `c` of a
/// [`Batch`](crate::rows::Batch) is described by `fields[c]`; the time comes beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Name of the table.
    pub table: String,
    /// Samples or events.
    pub kind: TableKind,
    /// Where the source reads it: `/proc/stat`.
    pub source: String,
    /// What the table holds, in a sentence.
    pub doc: String,
    /// The host that was recorded.
    pub host: String,
    /// Nanoseconds between two rows of an instance: the step where one was asked for, else the
    /// cadence of the source; 0 where there is none.
    pub interval_ns: u64,
    /// Keys first, then values.
    pub fields: Vec<Field>,
}

/// One column of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, unique in the header; with the unit last where the schema has it so, and `_per_s`
    /// behind that where it is a rate.
    pub name: String,
    /// Its name for people, who see the unit elsewhere: `user`, `user max`.
    pub label: String,
    /// The type of its words; never [`ColumnType::Stack`], which is read as text.
    pub kind: ColumnType,
    /// Whether its words, of type `i64`, are wall times as those of rows are, ns since the epoch.
    pub is_instant: bool,
    /// Whether its words, of type `string`, are stacks, folded: the names of the calls from the
    /// outermost to the innermost, `;` between them.
    pub is_stack: bool,
    /// Its unit; of a rate that of the counter and `/s`.
    pub unit: String,
    /// Key or value.
    pub role: Role,
    /// What differences mean. A rate is a gauge.
    pub semantics: Semantics,
    /// The step in which the kernel counts, in units of the column; 0 when exact.
    pub quantum: u64,
    /// What it is, in a phrase.
    pub doc: String,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tells instances apart.
    Key,
    /// Was sampled.
    Value,
}

impl Header {
    /// A header without fields for the table of `schema`.
    pub fn from_schema(schema: &Schema, host: &str) -> Header {
        Header {
            table: schema.name.clone(),
            kind: schema.kind,
            source: schema.source.to_string(),
            doc: schema.doc.to_string(),
            host: host.to_owned(),
            interval_ns: schema.interval_ns,
            fields: Vec::new(),
        }
    }

    /// Gives every field a name of its own: a key and a value of a recording that somebody else
    /// wrote may have the same, or that of the time. The later one gets `_` at its end.
    pub fn make_names_unique(&mut self) {
        let names = unique(&self.fields_names(), &[TIME]);
        self.fields.iter_mut().zip(names).for_each(|(field, name)| field.name = name);
    }

    /// The names of the fields beside columns that a format adds under the names `reserved`.
    pub fn names_beside(&self, reserved: &[&str]) -> Vec<String> {
        unique(&self.fields_names(), reserved)
    }

    fn fields_names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }
}

/// Name of the time in every format.
pub const TIME: &str = "time";

fn unique(names: &[String], reserved: &[&str]) -> Vec<String> {
    let mut taken: HashSet<String> = reserved.iter().map(|name| (*name).to_owned()).collect();
    let mut given = Vec::with_capacity(names.len());
    for name in names {
        let mut name = name.clone();
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        given.push(name);
    }
    given
}

impl Field {
    /// A wall time of type `i64` beside that of the row.
    #[must_use]
    pub fn instant(self) -> Field {
        Field { is_instant: true, ..self }
    }

    /// A column of a schema as it is read: a stack is text.
    pub fn from_column(column: &Column, role: Role) -> Field {
        let is_stack = column.kind == ColumnType::Stack;
        Field {
            name: column.name.clone(),
            label: label(column).to_owned(),
            kind: if is_stack { ColumnType::String } else { column.kind },
            is_instant: false,
            is_stack,
            unit: column.unit.to_string(),
            role,
            semantics: column.semantics,
            quantum: column.quantum,
            doc: column.doc.to_string(),
        }
    }
}
