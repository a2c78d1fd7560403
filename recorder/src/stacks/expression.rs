//! Evaluates expressions of unwind tables: those of signals, of calls through tables, and of frames
//! that are aligned. They are programs; a file of others may have one that never ends.

use super::machine::{Registers, Stack};
use super::unwind_table::{Reader, Row};
use gimli::{
    Evaluation, EvaluationResult, EvaluationStorage, Location, Piece, UnwindExpression, Value,
};

/// What compilers write takes a dozen.
const MOST_OPERATIONS: u32 = 256;

struct Bounded;

impl<'a> EvaluationStorage<Reader<'a>> for Bounded {
    type Stack = [Value; 64];
    type ExpressionStack = [(Reader<'a>, Reader<'a>); 4];
    type Result = [Piece<Reader<'a>>; 1];
}

/// The value of an expression in a frame, `first` being on its stack.
pub(super) fn of_frame(
    row: &Row<'_>,
    expression: &UnwindExpression<usize>,
    first: Option<u64>,
    registers: &Registers,
    stack: &Stack<'_>,
) -> Option<u64> {
    let expression = expression.get(row.section).ok()?;
    let mut evaluation = Evaluation::<Reader<'_>, Bounded>::new_in(expression.0, row.encoding);
    evaluation.set_max_iterations(MOST_OPERATIONS);
    if let Some(first) = first {
        evaluation.set_initial_value(first);
    }
    let mut result = evaluation.evaluate().ok()?;
    loop {
        result = match result {
            EvaluationResult::Complete => break,
            EvaluationResult::RequiresRegister { register, .. } => {
                let value = Value::Generic(registers.get(register)?);
                evaluation.resume_with_register(value).ok()?
            }
            EvaluationResult::RequiresMemory { address, size: 8, .. } => {
                let value = Value::Generic(stack.word(address)?);
                evaluation.resume_with_memory(value).ok()?
            }
            _ => return None,
        };
    }
    match evaluation.as_result().last()?.location {
        Location::Address { address } => Some(address),
        _ => None,
    }
}
