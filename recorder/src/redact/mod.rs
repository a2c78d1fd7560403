//! Secrets in command lines: what looks like one is replaced by `***` before it is recorded.
//!
//! What looks like a secret:
//!
//! - the value of an option or a `NAME=` whose name says so ([`names`]): `--password SECRET`,
//!   `--db-password=SECRET`, `PGPASSWORD=SECRET`, `?token=SECRET&`, `"apiKey": "SECRET"`,
//!   `Authorization: Bearer SECRET`, `pass:SECRET`;
//! - the password in a URL: `postgres://user:SECRET@host/db`;
//! - the options of one letter that some programs take a password with ([`programs`]):
//!   `mysql -pSECRET`, `docker login -p SECRET`, `curl -u user:SECRET`.
//!
//! All of that also within an argument that is a command line itself (`sh -c "..."`). Where it
//! cannot be told where a secret ends, more is hidden rather than less. A secret that stands alone,
//! without a name, cannot be told from any other word.

mod names;
mod programs;
mod scan;
#[cfg(test)]
mod tests;

pub use names::BUILT_IN as SECRET_NAMES;

use names::Names;
use std::str::FromStr;

/// What stands in the place of a secret.
pub const HIDDEN: &[u8] = b"***";

/// What the configuration says of the command lines of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What of them is recorded.
    pub shown: Shown,
    /// Names of secrets beside those that are built in.
    pub secret_names: Vec<String>,
}

/// What of a command line is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Full,
    /// All but what looks like a secret.
    #[default]
    Redacted,
    /// Nothing.
    None,
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Shown, String> {
        match text {
            "full" => Ok(Shown::Full),
            "redacted" => Ok(Shown::Redacted),
            "none" => Ok(Shown::None),
            _ => Err(format!("`{text}` must be full, redacted or none")),
        }
    }
}

/// Takes secrets out of command lines. Once its buffer has grown it allocates nothing.
#[derive(Debug)]
pub struct Redactor {
    shown: Shown,
    names: Names,
    text: Vec<u8>,
}

impl Redactor {
    /// One that does what was asked for.
    pub fn new(arguments: &Arguments) -> Redactor {
        let names = Names::new(&arguments.secret_names);
        Redactor { shown: arguments.shown, names, text: Vec::new() }
    }

    /// Whether anything is recorded at all.
    pub fn shows_any(&self) -> bool {
        self.shown != Shown::None
    }

    /// What is to be recorded of `arguments`, which end with a zero byte each.
    pub fn redacted<'a>(&'a mut self, arguments: &'a [u8]) -> &'a [u8] {
        match self.shown {
            Shown::Full => arguments,
            Shown::None => &[],
            Shown::Redacted => {
                self.text.clear();
                scan::redact(&self.names, arguments, &mut self.text);
                &self.text
            }
        }
    }
}
