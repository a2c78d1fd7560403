//! Which columns of which table a profile is made of.

use super::measure::Unit;
use crate::cli::StacksArgs;
use crate::columns::find;
use crate::context::Context;
use crate::error::QueryError;
use crate::question::{Plan, Question};
use crate::span::Span;
use nodemon_formats::{Column, ColumnType, Schema};
use std::sync::Arc;

/// The table that is meant where none is named.
const DEFAULT_TABLE: &str = "stack_cpu";
/// What a column is called that says what a row stands for.
const WEIGHTS: [&str; 3] = ["weight_ns", "weight_bytes", "weight"];

/// Where stacks come from, and what else is wanted of their rows.
pub struct Source {
    /// The table.
    pub schema: Arc<Schema>,
    /// What weights are.
    pub unit: Unit,
    /// What a row stands for without a column that says so.
    pub each: u64,
    /// The column of stacks, and those of weights and groups, by their place among the keys and
    /// values of the schema.
    stack: usize,
    weight: Option<usize>,
    by: Vec<usize>,
}

/// Where in an answer they are.
pub struct Places {
    /// The stack.
    pub stack: usize,
    /// The weight.
    pub weight: Option<usize>,
    /// The values of the group.
    pub by: Vec<usize>,
}

impl Source {
    /// The table and the columns that were asked for.
    ///
    /// # Errors
    /// When there is no such table or column, or no stacks are in it.
    pub fn from_args(context: &Context, args: &StacksArgs) -> Result<Source, QueryError> {
        let schema = table(context, args.table.as_deref())?;
        let (stack, weight) = (stack(context, &schema)?, weight(&schema));
        let mut by = Vec::new();
        for name in &args.by {
            let found = find(&schema, all(&schema), name)?;
            let kind = all(&schema).nth(found).map(|column| column.kind);
            if matches!(kind, Some(ColumnType::Stack | ColumnType::Histogram)) {
                let why = "groups are made by names and numbers";
                return Err(QueryError::Usage(format!("--by {name}: {why}")));
            }
            if !by.contains(&found) {
                by.push(found);
            }
        }
        let of_weight = weight.and_then(|at| all(&schema).nth(at));
        let unit = match of_weight {
            Some(column) => Unit::from_column(&column.name, &column.unit),
            None if schema.interval_ns > 0 => Unit::Time,
            None => Unit::Count,
        };
        let each = if of_weight.is_some() { 0 } else { schema.interval_ns.max(1) };
        Ok(Source { schema, unit, each, stack, weight, by })
    }

    /// The names of the columns by which the profile is grouped.
    pub fn by_names(&self) -> Vec<&str> {
        let names = self.by.iter().filter_map(|at| all(&self.schema).nth(*at));
        names.map(|column| column.name.as_str()).collect()
    }

    /// What a profile of it is called: `cpu` for `stack_cpu`.
    pub fn kind(&self) -> &str {
        self.schema.name.strip_prefix("stack_").unwrap_or(&self.schema.name)
    }

    /// Plans to read a span of it, and tells where in the answer its columns are.
    ///
    /// # Errors
    /// When a filter makes no sense.
    pub fn plan(
        &self,
        context: &Context,
        args: &StacksArgs,
        span: &Span,
    ) -> Result<(Plan, Places), QueryError> {
        let wanted = [Some(self.stack), self.weight].into_iter().flatten();
        let wanted = wanted.chain(self.by.iter().copied());
        let columns = wanted.filter_map(|at| self.schema.values.get(self.value(at)?));
        let question = Question {
            from: span.from,
            to: span.to,
            columns: columns.map(|column| column.name.clone()).collect(),
            filters: args.filters.clone(),
            frames: true,
            ..Question::default()
        };
        let plan = question.plan(&self.schema, context.recording.host())?;
        let place = |at: usize| {
            let keys = self.schema.key_width();
            if at < keys {
                return Ok(at);
            }
            let is_it = |slot: usize| plan.slots.get(slot).is_some_and(|s| s.column == at - keys);
            let cell = plan.cells.iter().position(|cell| is_it(cell.slot));
            let cell = cell.map(|cell| plan.keys.len() + cell);
            cell.ok_or_else(|| QueryError::Usage("a column cannot be told by its name".into()))
        };
        let places = Places {
            stack: place(self.stack)?,
            weight: self.weight.map(place).transpose()?,
            by: self.by.iter().map(|at| place(*at)).collect::<Result<_, _>>()?,
        };
        Ok((plan, places))
    }

    /// Its place among the values, if it is one.
    fn value(&self, at: usize) -> Option<usize> {
        at.checked_sub(self.schema.keys.len())
    }
}

fn all(schema: &Schema) -> impl Iterator<Item = &Column> + Clone {
    schema.keys.iter().chain(&schema.values)
}

/// Where stacks are among the keys and values.
fn stacks_of(schema: &Schema) -> Vec<usize> {
    let columns = all(schema).enumerate();
    let stacks = columns.filter(|(_, column)| column.kind == ColumnType::Stack);
    stacks.map(|(at, _)| at).filter(|at| *at >= schema.key_width()).collect()
}

/// The names of the tables that have stacks.
fn tables_with_stacks(context: &Context) -> Vec<String> {
    let schemas = context.recording.schemas();
    let with = schemas.iter().filter(|schema| !stacks_of(schema).is_empty());
    let mut names: Vec<String> = with.map(|schema| schema.name.clone()).collect();
    names.sort();
    names
}

fn table(context: &Context, named: Option<&str>) -> Result<Arc<Schema>, QueryError> {
    let name = named.unwrap_or(DEFAULT_TABLE);
    let others = tables_with_stacks(context);
    if named.is_some() || context.recording.schema(name).is_some() || others.is_empty() {
        return context.table(name);
    }
    Err(QueryError::Usage(format!(
        "the recording has no table {name:?}: name one with -t that has stacks, {}",
        others.join(" or ")
    )))
}

fn stack(context: &Context, schema: &Schema) -> Result<usize, QueryError> {
    let name = &schema.name;
    match stacks_of(schema)[..] {
        [stack] => Ok(stack),
        [] => {
            let others = tables_with_stacks(context);
            let there = match others.is_empty() {
                true => "this recording has no table with one".to_owned(),
                false => format!("name another with -t, {}", others.join(" or ")),
            };
            Err(QueryError::Usage(format!("the table {name} has no column of stacks: {there}")))
        }
        [_, _, ..] => Err(QueryError::Usage(format!(
            "the table {name} has more than one column of stacks: `nodemon-query range -t {name}` \
             shows them"
        ))),
    }
}

fn weight(schema: &Schema) -> Option<usize> {
    let is_weight =
        |name: &str, column: &Column| column.name == name && column.kind == ColumnType::U64;
    WEIGHTS.iter().find_map(|name| all(schema).position(|column| is_weight(name, column)))
}
