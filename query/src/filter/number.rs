//! Comparing numbers.

use super::Operator;
use crate::columns::{Quantity, parse_quantity};
use nodemon_formats::ColumnType;

/// A comparison with numbers.
#[derive(Clone, Debug)]
pub struct NumberTest {
    operator: Operator,
    operands: Vec<Operand>,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Number(Quantity),
    /// Both ends belong to it.
    Between(i128, i128),
}

impl NumberTest {
    /// Reads the values in `unit`.
    ///
    /// # Errors
    /// A sentence that says what would be understood.
    pub fn new(operator: Operator, values: &[String], unit: &str) -> Result<NumberTest, String> {
        if operator == Operator::Contains {
            return Err("~ is for text: numbers are compared with = != < <= > >=".into());
        }
        let operands =
            values.iter().map(|text| operand(text, unit)).collect::<Result<Vec<_>, _>>()?;
        if !matches!(operator, Operator::Equal | Operator::NotEqual)
            && matches!(operands[..], [Operand::Between(..)])
        {
            return Err("a range of numbers goes with = or !=".into());
        }
        Ok(NumberTest { operator, operands })
    }

    /// Whether the word of a column of type `kind` passes.
    #[inline]
    pub fn passes(&self, kind: ColumnType, word: u64) -> bool {
        match kind {
            ColumnType::F64 => self.passes_float(f64::from_bits(word)),
            ColumnType::I64 => self.passes_integer(i128::from(word.cast_signed())),
            _ => self.passes_integer(i128::from(word)),
        }
    }

    fn passes_integer(&self, value: i128) -> bool {
        let compare = |operand: &Operand| match *operand {
            Operand::Number(Quantity::Integer(other)) => Some(value.cmp(&other)),
            Operand::Number(Quantity::Float(other)) => (value as f64).partial_cmp(&other),
            Operand::Between(low, high) => Some(between(value >= low, value <= high)),
        };
        self.decide(compare)
    }

    fn passes_float(&self, value: f64) -> bool {
        let compare = |operand: &Operand| match *operand {
            Operand::Number(other) => value.partial_cmp(&other.as_f64()),
            Operand::Between(low, high) => {
                (!value.is_nan()).then(|| between(value >= low as f64, value <= high as f64))
            }
        };
        self.decide(compare)
    }

    fn decide(&self, compare: impl Fn(&Operand) -> Option<std::cmp::Ordering>) -> bool {
        let mut orders = self.operands.iter().map(compare);
        match self.operator {
            Operator::Equal | Operator::Contains => {
                orders.any(|order| order.is_some_and(|o| o.is_eq()))
            }
            Operator::NotEqual => orders.all(|order| order.is_some_and(|o| o.is_ne())),
            Operator::Less => orders.all(|order| order.is_some_and(|o| o.is_lt())),
            Operator::AtMost => orders.all(|order| order.is_some_and(|o| o.is_le())),
            Operator::Greater => orders.all(|order| order.is_some_and(|o| o.is_gt())),
            Operator::AtLeast => orders.all(|order| order.is_some_and(|o| o.is_ge())),
        }
    }
}

fn between(not_below: bool, not_above: bool) -> std::cmp::Ordering {
    match (not_below, not_above) {
        (true, true) => std::cmp::Ordering::Equal,
        (false, _) => std::cmp::Ordering::Less,
        (true, false) => std::cmp::Ordering::Greater,
    }
}

fn operand(text: &str, unit: &str) -> Result<Operand, String> {
    if let Some((low, high)) = text.split_once('-')
        && let (Ok(low), Ok(high)) = (low.trim().parse::<u64>(), high.trim().parse::<u64>())
    {
        if low > high {
            return Err(format!("{text:?} is an empty range"));
        }
        return Ok(Operand::Between(low.into(), high.into()));
    }
    parse_quantity(text, unit).map(Operand::Number)
}
