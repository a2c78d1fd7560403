//! From a question to the plan of its answer.

use super::fields;
use super::plan::{Plan, Question};
use crate::columns::select;
use crate::error::QueryError;
use crate::rows::Header;
use nodemon_formats::Schema;
use nodemon_formats::growth::longest_ns;
use std::sync::Arc;

impl Question {
    /// Plans the answer from the table of `schema`, recorded on `host`.
    ///
    /// # Errors
    /// When a column is unknown, or a filter or an aggregate makes no sense for its column.
    pub fn plan(&self, schema: &Arc<Schema>, host: &str) -> Result<Plan, QueryError> {
        let mut plan = Plan {
            schema: schema.clone(),
            header: Arc::new(Header::from_schema(schema, host)),
            from: self.from,
            to: self.to,
            slots: Vec::new(),
            keys: Vec::new(),
            cells: Vec::new(),
            key_tests: Vec::new(),
            value_tests: Vec::new(),
            step: self.step.as_ref().map(|question| question.step),
            longest_pair_ns: longest_ns(schema.interval_ns),
            frames: self.frames,
        };
        let values = select(schema, &self.columns)?;
        let mut header = fields::fill(&mut plan, self, &values, host)?;
        header.make_names_unique();
        plan.header = Arc::new(header);
        for filter in &self.filters {
            plan.add_filter(filter, self.rates)?;
        }
        if let Some(step) = plan.step {
            plan.from = step.start(step.number_at(self.from));
            plan.to = step.start(step.number_at(self.to.saturating_sub(1)).saturating_add(1));
        }
        Ok(plan)
    }
}
