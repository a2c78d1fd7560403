//! Finds the columns that names mean.

use super::label;
use super::synonym::synonym;
use crate::error::QueryError;
use globset::Glob;
use nodemon_formats::units::nearest;
use nodemon_formats::{Column, Schema};

/// The one column among `columns` that `name` means: by its full name, or without the unit where
/// that leaves no doubt.
///
/// # Errors
/// When there is none, or more than one.
pub fn find<'a>(
    schema: &'a Schema,
    columns: impl Iterator<Item = &'a Column> + Clone,
    name: &str,
) -> Result<usize, QueryError> {
    if let Some(exact) = columns.clone().position(|column| column.name == name) {
        return Ok(exact);
    }
    let short: Vec<usize> = columns
        .clone()
        .enumerate()
        .filter(|(_, column)| label(column) == name)
        .map(|(index, _)| index)
        .collect();
    match short[..] {
        [index] => Ok(index),
        [] => Err(QueryError::UnknownColumn {
            table: schema.name.clone(),
            name: name.to_owned(),
            nearest: synonym(name, columns.clone().map(|column| column.name.as_str())).or_else(
                || nearest(name, columns.map(|column| column.name.as_str())).map(str::to_owned),
            ),
        }),
        _ => {
            let names: Vec<&str> =
                short.iter().filter_map(|&i| Some(columns.clone().nth(i)?.name.as_str())).collect();
            Err(QueryError::Usage(format!(
                "{name:?} may be {} of the table {}: write one of them",
                names.join(" or "),
                schema.name
            )))
        }
    }
}

/// The value columns that `patterns` mean, as indices into [`Schema::values`], in the order of the
/// patterns; all of them without patterns. A pattern is a name or a glob such as `pgscan_*`. Key
/// columns may be named and change nothing: an answer always has them.
///
/// # Errors
/// When a pattern matches nothing, or a name more than one column.
pub fn select(schema: &Schema, patterns: &[String]) -> Result<Vec<usize>, QueryError> {
    let mut selected = Vec::new();
    for pattern in patterns {
        if pattern.contains(['*', '?', '[', '{']) {
            selected.extend(matching(schema, pattern)?);
        } else if !schema.keys.iter().any(|key| key.name == *pattern) {
            selected.push(find(schema, schema.values.iter(), pattern)?);
        }
    }
    if selected.is_empty() {
        return Ok((0..schema.values.len()).collect());
    }
    let mut seen = vec![false; schema.values.len()];
    selected.retain(|&index| !std::mem::replace(&mut seen[index], true));
    Ok(selected)
}

fn matching(schema: &Schema, pattern: &str) -> Result<Vec<usize>, QueryError> {
    let glob = Glob::new(pattern)
        .map_err(|error| QueryError::Usage(format!("-c {pattern}: {error}")))?
        .compile_matcher();
    let matches = |column: &Column| glob.is_match(&column.name) || glob.is_match(label(column));
    let found: Vec<usize> =
        (0..schema.values.len()).filter(|&i| matches(&schema.values[i])).collect();
    if found.is_empty() {
        return Err(QueryError::UnknownColumn {
            table: schema.name.clone(),
            name: pattern.to_owned(),
            nearest: None,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::select;
    use crate::error::QueryError;
    use nodemon_formats::schema::unit;
    use nodemon_formats::{ColumnType, Schema};

    fn schema() -> Schema {
        Schema::sample("disk", "/proc/diskstats", "Block devices")
            .key("device", ColumnType::String, "name")
            .counter("read_bytes", unit::BYTES, "")
            .counter("read_ns", unit::NS, "")
            .counter("io_ns", unit::NS, "")
            .counter("discards", unit::COUNT, "")
    }

    fn selected(patterns: &[&str]) -> Result<Vec<usize>, QueryError> {
        select(&schema(), &patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_found_by_name_without_unit_and_by_glob_in_the_order_asked_for() {
        assert_eq!(selected(&[]).unwrap(), [0, 1, 2, 3]);
        assert_eq!(selected(&["io", "discards"]).unwrap(), [2, 3]);
        assert_eq!(selected(&["read_*", "read_ns"]).unwrap(), [0, 1]);
        assert_eq!(selected(&["device"]).unwrap(), [0, 1, 2, 3], "keys are there anyway");
        assert_eq!(selected(&["device", "io"]).unwrap(), [2]);
    }

    #[test]
    fn a_name_that_is_unknown_or_in_doubt_is_an_error_that_helps() {
        let unknown = selected(&["discard"]).unwrap_err();
        assert!(unknown.next_step().unwrap().contains("\"discards\""), "{unknown}");
        let doubt = selected(&["read"]).unwrap_err();
        assert_eq!(
            doubt.to_string(),
            "\"read\" may be read_bytes or read_ns of the table disk: write one of them"
        );
        assert!(selected(&["write*"]).is_err());
        assert!(selected(&["[a"]).is_err());
    }
}
