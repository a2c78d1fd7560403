//! One table of a TOML file, from which keys are taken; what is left over at the end is unknown.
//!
//! Every key that is asked for is known by that alone, so the list from which a suggestion is made
//! cannot lag behind what is read.

use super::ConfigError;
use super::interval::parse_interval;
use super::share::Share;
use super::suggestion::did_you_mean;
use nodemon_formats::units::parse_size;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file that is being read.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// All of it.
    pub text: &'a str,
}

impl Document<'_> {
    /// An error at the place where `span` begins.
    pub fn error(&self, span: &Range<usize>, what: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ConfigError::At { path: self.path.to_owned(), line, column, what: what.into() }
    }
}

/// A table under inspection.
pub struct Section<'a> {
    document: Document<'a>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// `table`, of whose keys none is known yet.
    pub fn new(document: Document<'a>, table: &'a DeTable<'a>) -> Section<'a> {
        Section { document, table, known: Vec::new() }
    }

    /// The value of a key, which is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, ConfigError> {
        let wanted = "a text in quotes";
        self.take(key)
            .map(|value| value.get_ref().as_str().ok_or_else(|| self.wrong(key, value, wanted)))
            .transpose()
    }

    /// A text that means something.
    pub fn parsed<T: FromStr<Err = String>>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let text = value.get_ref().as_str().unwrap_or_default();
        let told = |what| self.document.error(&value.span(), format!("`{key}`: {what}"));
        text.parse().map(Some).map_err(told)
    }

    /// A truth value.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        let wanted = "true or false";
        self.take(key)
            .map(|value| value.get_ref().as_bool().ok_or_else(|| self.wrong(key, value, wanted)))
            .transpose()
    }

    /// A whole number.
    pub fn number(&mut self, key: &'static str) -> Result<Option<usize>, ConfigError> {
        let number = |value: &Spanned<DeValue<'_>>| {
            value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok())
        };
        self.take(key)
            .map(|value| number(value).ok_or_else(|| self.wrong(key, value, "a whole number")))
            .transpose()
    }

    /// A size: text with a unit, or a number of bytes.
    pub fn size(&mut self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        self.take(key).map(|value| self.size_of(key, value)).transpose()
    }

    fn size_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<u64, ConfigError> {
        match (value.get_ref().as_str(), value.get_ref().as_integer()) {
            (Some(text), _) => parse_size(text).map_err(|error| self.error(key, value, &error)),
            (_, Some(number)) => parse_size(number.as_str())
                .map_err(|_| self.wrong(key, value, "a size, as in \"8GiB\"")),
            _ => Err(self.wrong(key, value, "a size, as in \"8GiB\"")),
        }
    }

    /// A size, or a part of the ring.
    pub fn share(&mut self, key: &'static str) -> Result<Option<Share>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = value.get_ref().as_integer().map(|number| number.as_str());
        let text = value.get_ref().as_str().or(number);
        let text = text.ok_or_else(|| self.wrong(key, value, "a size, as in \"10%\""))?;
        let told = |what: String| self.document.error(&value.span(), format!("`{key}`: {what}"));
        text.parse().map(Some).map_err(told)
    }

    /// A cadence: text with a unit.
    pub fn interval(&mut self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let text = value.get_ref().as_str();
        let text = text.ok_or_else(|| self.wrong(key, value, "a duration, as in \"10s\""))?;
        parse_interval(text).map(Some).map_err(|error| self.error(key, value, &error))
    }

    /// A list of texts with the place of each.
    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<Name<'a>>>, ConfigError> {
        let wanted = "a list of names, as in [\"stat\", \"disk\"]";
        let Some(value) = self.take(key) else { return Ok(None) };
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong(key, value, wanted))?;
        let name = |item: &'a Spanned<DeValue<'a>>| match item.get_ref().as_str() {
            Some(text) => Ok(Name { text, span: item.span() }),
            None => Err(self.wrong(key, item, wanted)),
        };
        list.iter().map(name).collect::<Result<_, _>>().map(Some)
    }

    /// Done with the section.
    ///
    /// # Errors
    /// When it has a key that nobody asked for.
    pub fn finish(self) -> Result<(), ConfigError> {
        let strangers = self.table.keys().filter(|key| !self.known.contains(&&**key.get_ref()));
        match strangers.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let suggestion = did_you_mean(key.get_ref(), self.known.iter().copied());
                let what = format!("there is no key `{}`{suggestion}", key.get_ref());
                Err(self.document.error(&key.span(), what))
            }
        }
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> ConfigError {
        let found = value.get_ref().type_str();
        self.document.error(&value.span(), format!("`{key}` must be {wanted}, not a TOML {found}"))
    }

    fn error(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        error: &dyn std::error::Error,
    ) -> ConfigError {
        self.document.error(&value.span(), format!("`{key}`: {error}"))
    }
}

/// A name in a list, and where it stands.
pub struct Name<'a> {
    /// The name.
    pub text: &'a str,
    /// Its place in the file.
    pub span: Range<usize>,
}
