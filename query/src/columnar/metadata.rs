//! What column formats carry beside the values: what the table and its columns are, and the gaps.

/// Name of the column with the wall time of each row.
pub use crate::rows::TIME;
use crate::rows::{Field, Header, Missing, Role};
use nodemon_formats::TableKind;
use serde_json::{Value, json};

/// Key and value of everything that there is to say about a table.
pub fn of_table(header: &Header) -> [(&'static str, String); 6] {
    let kind = match header.kind {
        TableKind::Sample => "sample",
        TableKind::Event => "event",
    };
    [
        ("nodemon.table", header.table.clone()),
        ("nodemon.kind", kind.to_owned()),
        ("nodemon.doc", header.doc.clone()),
        ("nodemon.source", header.source.clone()),
        ("nodemon.host", header.host.clone()),
        ("nodemon.interval_ns", header.interval_ns.to_string()),
    ]
}

/// Key and value of everything that there is to say about a column.
pub fn of_field(field: &Field) -> [(&'static str, String); 5] {
    let role = match field.role {
        Role::Key => "key",
        Role::Value => "value",
    };
    [
        ("role", role.to_owned()),
        ("unit", field.unit.clone()),
        ("semantics", field.semantics.name().to_owned()),
        ("quantum", field.quantum.to_string()),
        ("doc", field.doc.clone()),
    ]
}

/// All columns, as a list of objects with the name and what [`of_field`] says.
pub fn of_fields(header: &Header) -> String {
    let object = |field: &Field| {
        let mut object = json!({"name": field.name, "type": field.kind.name()});
        for (key, value) in of_field(field) {
            object[key] = Value::String(value);
        }
        object
    };
    Value::Array(header.fields.iter().map(object).collect()).to_string()
}

/// A gap as an object: wall times in ns since the epoch, why, and how many samples are lost.
pub fn of_gap(gap: &Missing) -> Value {
    json!({
        "from_ns": gap.from,
        "to_ns": gap.to,
        "cause": gap.cause.phrase(),
        "lost": gap.lost,
        "detail": gap.detail,
    })
}
