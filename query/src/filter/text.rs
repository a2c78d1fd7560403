//! Comparing text.

use super::Operator;
use globset::{Glob, GlobSet, GlobSetBuilder};

/// A comparison with shell patterns.
#[derive(Clone, Debug)]
pub struct TextTest {
    patterns: GlobSet,
    wanted: bool,
}

impl TextTest {
    /// Reads the values as patterns.
    ///
    /// # Errors
    /// A sentence, where a pattern is malformed or the operator needs numbers.
    pub fn new(operator: Operator, values: &[String]) -> Result<TextTest, String> {
        let wanted = match operator {
            Operator::Equal | Operator::Contains => true,
            Operator::NotEqual => false,
            _ => return Err("text can be compared with =, != and ~ only".into()),
        };
        let mut patterns = GlobSetBuilder::new();
        for value in values {
            let pattern = match operator {
                Operator::Contains => format!("*{}*", globset::escape(value)),
                _ => value.clone(),
            };
            patterns.add(Glob::new(&pattern).map_err(|error| error.to_string())?);
        }
        let patterns = patterns.build().map_err(|error| error.to_string())?;
        Ok(TextTest { patterns, wanted })
    }

    /// Whether `text` passes.
    pub fn passes(&self, text: &str) -> bool {
        self.patterns.is_match(text) == self.wanted
    }
}
