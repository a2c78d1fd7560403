//! A filter as it was typed.

use std::str::FromStr;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`: any of the values.
    Equal,
    /// `!=`: none of the values.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `~`: any of the values is somewhere in it.
    Contains,
}

/// A filter as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Name of a column.
    pub column: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with; more than one only with `=`, `!=` and `~`.
    pub values: Vec<String>,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Filter, String> {
        let example =
            "a filter looks like cpu=3, device=sd*, pid!=1, stack~mutex or rss_bytes>1GiB";
        let at = text.find(['=', '!', '<', '>', '~']).ok_or(example)?;
        let (column, rest) = text.split_at(at);
        let (operator, value) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)))
            .ok_or(example)?;
        let (column, value) = (column.trim(), value.trim());
        if column.is_empty() || value.starts_with(['=', '<', '>']) {
            return Err(example.into());
        }
        let values = match operator {
            Operator::Equal | Operator::NotEqual | Operator::Contains => {
                value.split(',').map(str::to_owned).collect()
            }
            _ => vec![value.to_owned()],
        };
        Ok(Filter { column: column.to_owned(), operator, values })
    }
}

/// Longer signs first.
const OPERATORS: [(&str, Operator); 8] = [
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    ("<", Operator::Less),
    (">=", Operator::AtLeast),
    (">", Operator::Greater),
    ("~", Operator::Contains),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Filter, Operator};
    use proptest::prelude::*;

    #[test]
    fn filters_are_a_column_a_sign_and_values() {
        for (text, column, operator, values) in [
            ("cpu=3", "cpu", Operator::Equal, &["3"][..]),
            ("device == sd*,nvme*", "device", Operator::Equal, &["sd*", "nvme*"]),
            ("pid!=1,2", "pid", Operator::NotEqual, &["1", "2"]),
            ("rss_bytes >= 1GiB", "rss_bytes", Operator::AtLeast, &["1GiB"]),
            ("user<5%", "user", Operator::Less, &["5%"]),
            ("command=a=b", "command", Operator::Equal, &["a=b"]),
            ("command=", "command", Operator::Equal, &[""]),
            ("stack~mutex,rwsem", "stack", Operator::Contains, &["mutex", "rwsem"]),
        ] {
            let filter: Filter = text.parse().unwrap();
            assert_eq!(filter.column, column, "{text}");
            assert_eq!(filter.operator, operator, "{text}");
            assert_eq!(filter.values, values, "{text}");
        }
        for text in ["", "cpu", "=3", "cpu!3", "cpu=>3", "a!!=b", "~x"] {
            assert!(text.parse::<Filter>().is_err(), "{text:?} is no filter");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_can_be_typed_makes_the_parser_panic(text in "\\PC{0,24}") {
            let _ = text.parse::<Filter>();
        }
    }
}
