//! The tables of a feature as schemas.

use nodemon_formats::{Column, ColumnType, Schema, Semantics};
use nodemon_recorder_ebpf::feature::{
    Column as Described, Feature, Meaning, Show, SupportedFilters, Table,
};

/// The tables of `feature`, those of samples every `interval_ns`.
pub fn tables(feature: &Feature, interval_ns: u64) -> Vec<Schema> {
    feature.tables.iter().map(|table| schema(feature, table, interval_ns)).collect()
}

fn schema(feature: &Feature, table: &Table, interval_ns: u64) -> Schema {
    let source = format!("eBPF: {}", feature.reads);
    let doc = format!("{}{}", table.doc, limits(feature.filters));
    let mut schema = match table.is_of_events() {
        true => Schema::event(table.name, source, doc),
        false => Schema::sample(table.name, source, doc),
    };
    if !table.is_of_events() {
        schema.interval_ns = interval_ns;
    }
    schema.keys = table.keys.iter().map(|column| described(column, key_type(column))).collect();
    schema.values = match table.is_of_histograms() {
        true => table.values.iter().map(|only| described(only, ColumnType::Histogram)).collect(),
        false => table.values.iter().map(|column| described(column, value_type(column))).collect(),
    };
    schema
}

/// To what a feature can be limited, as a sentence.
fn limits(filters: SupportedFilters) -> &'static str {
    match filters {
        SupportedFilters { task: true, .. } => {
            " Can be limited to a process, a program or a control group."
        }
        SupportedFilters { cgroup: true, .. } => " Can be limited to a control group.",
        SupportedFilters { interface: true, .. } => " Can be limited to an interface.",
        _ => "",
    }
}

fn described(column: &Described, kind: ColumnType) -> Column {
    let semantics = match column.meaning {
        Meaning::Counter => Semantics::Counter,
        Meaning::Gauge => Semantics::Gauge,
        Meaning::State => Semantics::State,
    };
    Column::new(column.name, kind, semantics, column.unit, column.doc)
}

fn key_type(column: &Described) -> ColumnType {
    if column.show.is_text() { ColumnType::String } else { ColumnType::U64 }
}

fn value_type(column: &Described) -> ColumnType {
    match column.show {
        Show::Flag => ColumnType::Bool,
        Show::Stack(_) => ColumnType::Stack,
        show if show.is_text() => ColumnType::String,
        _ if column.cell.is_signed() => ColumnType::I64,
        _ => ColumnType::U64,
    }
}
