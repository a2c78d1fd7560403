//! What is asked, and how it will be answered.

mod aggregate;
mod fields;
mod plan;
mod planning;

pub use aggregate::Aggregate;
pub use plan::{Cell, KeyTest, Plan, Question, Slot, Step, StepQuestion, ValueTest};
