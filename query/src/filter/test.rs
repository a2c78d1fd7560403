//! A filter, bound to the type and the unit of its column.

use super::number::NumberTest;
use super::text::TextTest;
use super::{Filter, Operator};
use nodemon_formats::stack::folded;
use nodemon_formats::text::readable;
use nodemon_formats::{ColumnType, Value};

/// What a column has to pass.
#[derive(Clone, Debug)]
pub enum Test {
    /// For numbers and truth values.
    Number(NumberTest),
    /// For strings, for stacks as they are folded, and for bytes in hexadecimal.
    Text(TextTest),
}

impl Test {
    /// Binds a filter to a column of type `kind` whose values, or rates, are in `unit`.
    ///
    /// # Errors
    /// A sentence, where its values make no sense for the column.
    pub fn new(filter: &Filter, kind: ColumnType, unit: &str) -> Result<Test, String> {
        match kind {
            ColumnType::String | ColumnType::Bytes | ColumnType::Stack => {
                TextTest::new(filter.operator, &filter.values).map(Test::Text)
            }
            ColumnType::Bool => truth(filter),
            ColumnType::Histogram => Err("a histogram is many values and compares with none; \
                                          --step with --agg p99 or max tells of them"
                .into()),
            _ => NumberTest::new(filter.operator, &filter.values, unit).map(Test::Number),
        }
    }

    /// Whether a number, or a truth value, of a column of type `kind` passes.
    #[inline]
    pub fn passes_number(&self, kind: ColumnType, word: u64) -> bool {
        match self {
            Test::Number(test) => test.passes(kind, word),
            Test::Text(_) => false,
        }
    }

    /// Whether the string, the stack or the bytes of a column of type `kind` pass.
    pub fn passes_bytes(&self, kind: ColumnType, bytes: &[u8]) -> bool {
        match (self, kind) {
            (Test::Number(_), _) => false,
            (Test::Text(test), ColumnType::Bytes) => {
                test.passes(&Value::Bytes(bytes.to_vec()).to_string())
            }
            (Test::Text(test), ColumnType::Stack) => test.passes(&folded(bytes)),
            (Test::Text(test), _) => test.passes(&readable(bytes)),
        }
    }

    /// Whether a key passes.
    pub fn passes_value(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Absent) => false,
            (Test::Text(test), Value::String(text)) => test.passes(text),
            (Test::Text(test), other) => test.passes(&other.to_string()),
            (Test::Number(test), Value::U64(word)) => test.passes(ColumnType::U64, *word),
            (Test::Number(test), Value::I64(value)) => {
                test.passes(ColumnType::I64, value.cast_unsigned())
            }
            (Test::Number(test), Value::F64(value)) => {
                test.passes(ColumnType::F64, value.to_bits())
            }
            (Test::Number(test), Value::Bool(value)) => {
                test.passes(ColumnType::Bool, u64::from(*value))
            }
            (Test::Number(_), Value::String(_) | Value::Bytes(_)) => false,
        }
    }
}

fn truth(filter: &Filter) -> Result<Test, String> {
    let as_number = |text: &String| match text.to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok("1".to_owned()),
        "false" | "no" | "0" => Ok("0".to_owned()),
        _ => Err(format!("{text:?} is neither true nor false")),
    };
    if !matches!(filter.operator, Operator::Equal | Operator::NotEqual) {
        return Err("true and false can be compared with = and != only".into());
    }
    let values = filter.values.iter().map(as_number).collect::<Result<Vec<_>, _>>()?;
    NumberTest::new(filter.operator, &values, "").map(Test::Number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::Test;
    use nodemon_formats::{ColumnType, Value};
    use proptest::prelude::*;

    fn test(filter: &str, kind: ColumnType, unit: &str) -> Result<Test, String> {
        Test::new(&filter.parse().unwrap(), kind, unit)
    }

    #[test]
    fn values_pass_as_the_filter_says() {
        let text = |s: &str| Value::String(s.into());
        for (filter, kind, unit, value, passes) in [
            ("cpu=3", ColumnType::U64, "", Value::U64(3), true),
            ("cpu=0-7,16", ColumnType::U64, "", Value::U64(7), true),
            ("cpu=0-7,16", ColumnType::U64, "", Value::U64(8), false),
            ("cpu!=0-7,16", ColumnType::U64, "", Value::U64(16), false),
            ("cpu!=0-7,16", ColumnType::U64, "", Value::U64(9), true),
            ("device=sd*,nvme*", ColumnType::String, "", text("nvme0n1"), true),
            ("device=sd?", ColumnType::String, "", text("sda1"), false),
            ("device!=sd*", ColumnType::String, "", text("loop0"), true),
            ("device!=sd*", ColumnType::String, "", Value::Absent, false),
            ("stack~mutex,[x]*", ColumnType::String, "", text("a;__mutex_lock;b"), true),
            ("stack~mutex,[x]*", ColumnType::String, "", text("a[x]*b"), true),
            ("stack~mutex,[x]*", ColumnType::String, "", text("a;b/x"), false),
            ("rss_bytes>1GiB", ColumnType::U64, "bytes", Value::U64(1 << 30), false),
            ("rss_bytes>=1GiB", ColumnType::U64, "bytes", Value::U64(1 << 30), true),
            ("t<-5", ColumnType::I64, "celsius", Value::I64(-6), true),
            ("x=5", ColumnType::F64, "", Value::F64(f64::NAN), false),
            ("x!=5", ColumnType::F64, "", Value::F64(f64::NAN), false),
            ("up=yes", ColumnType::Bool, "", Value::Bool(true), true),
            ("id=00ff", ColumnType::Bytes, "", Value::Bytes(vec![0, 255]), true),
        ] {
            let passed = test(filter, kind, unit).unwrap().passes_value(&value);
            assert_eq!(passed, passes, "{filter} for {value:?}");
        }
    }

    #[test]
    fn a_filter_that_makes_no_sense_for_its_column_is_refused() {
        for (filter, kind) in [
            ("device>sda", ColumnType::String),
            ("cpu~3", ColumnType::U64),
            ("up~yes", ColumnType::Bool),
            ("device=[", ColumnType::String),
            ("cpu=three", ColumnType::U64),
            ("cpu>1-3", ColumnType::U64),
            ("cpu=7-3", ColumnType::U64),
            ("up=perhaps", ColumnType::Bool),
            ("up>no", ColumnType::Bool),
        ] {
            assert!(test(filter, kind, "").is_err(), "{filter} was accepted");
        }
    }

    proptest! {
        #[test]
        fn integers_compare_exactly_up_to_the_largest(a in any::<u64>(), b in any::<u64>()) {
            for (sign, holds) in [("=", a == b), ("!=", a != b), ("<", a < b), ("<=", a <= b), (">", a > b), (">=", a >= b)] {
                let passed = test(&format!("n{sign}{b}"), ColumnType::U64, "count").unwrap();
                prop_assert_eq!(passed.passes_value(&Value::U64(a)), holds, "{} {} {}", a, sign, b);
            }
        }
    }
}
