//! The columns of an answer, and what each is made from.

use super::Aggregate;
use super::plan::{Cell, Plan, Question, StepQuestion, is_rated};
use crate::error::QueryError;
use crate::rows::{Field, Header, Role};
use nodemon_formats::schema::unit;
use nodemon_formats::{Column, ColumnType, Schema, Semantics, TableKind};

/// Puts into `plan` the keys, slots and cells that answer `question` with the value columns
/// `values`, and describes them.
///
/// # Errors
/// When no aggregate that was asked for fits a column.
pub fn fill(
    plan: &mut Plan,
    question: &Question,
    values: &[usize],
    host: &str,
) -> Result<Header, QueryError> {
    let schema = plan.schema.clone();
    let mut header = Header::from_schema(&schema, host);
    if let Some(step) = plan.step {
        header.interval_ns = step.length.unsigned_abs();
    }
    match (schema.kind, &question.step) {
        (TableKind::Sample, _) => {
            plan.keys = (0..schema.keys.len()).collect();
            header.fields.extend(schema.keys.iter().map(|key| Field::from_column(key, Role::Key)));
        }
        (TableKind::Event, None) => {
            for (index, key) in schema.keys.iter().enumerate() {
                let slot = plan.slot(index, false);
                plan.cells.push(Cell { slot, aggregate: None });
                header.fields.push(Field::from_column(key, Role::Key));
            }
        }
        // Events of a step are counted, whatever their keys.
        (TableKind::Event, Some(step)) => {
            if step.aggregates.is_empty() || step.aggregates.contains(&Aggregate::Count) {
                let slot = plan.slot(0, false);
                plan.cells.push(Cell { slot, aggregate: Some(Aggregate::Count) });
                header.fields.push(events());
            }
        }
    }
    let first_value = schema.row_width() - schema.values.len();
    for &index in values {
        let column = &schema.values[index];
        let rate = question.rates && is_rated(column) && schema.kind == TableKind::Sample;
        let wanted = match (&question.step, column.kind) {
            (Some(step), ColumnType::Histogram) => of_histogram(question, step, &schema, column)?,
            _ => aggregates(question, schema.kind, column, rate),
        };
        for aggregate in wanted {
            let slot = plan.slot(first_value + index, question.rates);
            plan.cells.push(Cell { slot, aggregate });
            let named = question.step.as_ref().is_some_and(|step| !step.aggregates.is_empty())
                || column.kind == ColumnType::Histogram;
            header.fields.push(value(column, rate, aggregate, named));
        }
    }
    Ok(header)
}

/// What to make of a column in each step; one `None` where no step is wanted.
fn aggregates(
    question: &Question,
    kind: TableKind,
    column: &Column,
    rate: bool,
) -> Vec<Option<Aggregate>> {
    let Some(step) = &question.step else { return vec![None] };
    let is_text = column.kind.is_dictionary() || column.kind == ColumnType::Bool;
    let is_state = column.semantics == Semantics::State || is_text;
    if step.aggregates.is_empty() {
        return match (kind, is_state, column.semantics) {
            (TableKind::Event, _, _) => Vec::new(),
            (_, true, _) => vec![Some(Aggregate::Last)],
            (_, _, Semantics::Counter) if !rate => vec![Some(Aggregate::Last)],
            _ => vec![Some(Aggregate::Avg)],
        };
    }
    let mut fitting: Vec<_> = step
        .aggregates
        .iter()
        .filter(|aggregate| kind == TableKind::Sample || **aggregate != Aggregate::Count)
        .filter(|aggregate| !is_state || aggregate.fits_states())
        .map(|aggregate| Some(*aggregate))
        .collect();
    if fitting.is_empty() && kind == TableKind::Sample {
        fitting.push(Some(Aggregate::Last));
    }
    fitting
}

/// What to make of a histogram in each step. Unless something else is asked for it is what most
/// values, the slow ones and the slowest came to.
fn of_histogram(
    question: &Question,
    step: &StepQuestion,
    schema: &Schema,
    column: &Column,
) -> Result<Vec<Option<Aggregate>>, QueryError> {
    const DEFAULT: [Aggregate; 3] =
        [Aggregate::Percentile(50.0), Aggregate::Percentile(99.0), Aggregate::Max];
    let is_sample = schema.kind == TableKind::Sample;
    let asked = &step.aggregates;
    if asked.iter().any(|aggregate| aggregate.fits_histograms()) {
        let fits = |aggregate: &Aggregate| {
            aggregate.fits_histograms() && (is_sample || *aggregate != Aggregate::Count)
        };
        return Ok(asked.iter().copied().filter(fits).map(Some).collect());
    }
    // Where other columns have what is asked for, this one is not in the way.
    let is_other = |column: &Column| column.kind != ColumnType::Histogram;
    let is_meant = !question.columns.is_empty() || !schema.values.iter().any(is_other);
    if !asked.is_empty() && is_meant {
        let names: Vec<String> = asked.iter().map(|aggregate| aggregate.name()).collect();
        return Err(QueryError::Usage(format!(
            "--agg {}: {} is a histogram, which does not know in which order its values came; ask \
             for count, min, max, avg, sum, or a percentile such as p99",
            names.join(","),
            column.name
        )));
    }
    Ok(if is_sample { DEFAULT.map(Some).to_vec() } else { Vec::new() })
}

fn value(column: &Column, rate: bool, aggregate: Option<Aggregate>, named: bool) -> Field {
    let mut field = Field::from_column(column, Role::Value);
    let keeps_type = matches!(
        aggregate,
        None | Some(Aggregate::Min | Aggregate::Max | Aggregate::First | Aggregate::Last)
    );
    match aggregate {
        Some(Aggregate::Count) => {
            field.kind = ColumnType::U64;
            field.is_stack = false;
            field.unit = unit::COUNT.into();
            field.semantics = Semantics::Gauge;
        }
        // The growth of a counter is counted as the counter is.
        Some(Aggregate::Sum) if rate => field.semantics = Semantics::Gauge,
        _ if rate => {
            field.kind = ColumnType::F64;
            field.unit = format!("{}/s", column.unit);
            field.semantics = Semantics::Gauge;
            field.name.push_str("_per_s");
        }
        Some(Aggregate::Min | Aggregate::Max) if column.kind == ColumnType::Histogram => {
            field.kind = ColumnType::U64;
        }
        _ if keeps_type => {}
        _ => field.kind = ColumnType::F64,
    }
    if let Some(aggregate) = aggregate
        && named
    {
        field.name = format!("{}_{}", field.name, aggregate.name());
        field.label = format!("{} {}", field.label, aggregate.name());
    }
    field
}

fn events() -> Field {
    let column =
        Column::new("events", ColumnType::U64, Semantics::Gauge, unit::COUNT, "events in the step");
    Field::from_column(&column, Role::Value)
}
