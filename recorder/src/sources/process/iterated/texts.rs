//! What of a process is text, which the kernel's table does not have.

use super::super::asker::{Asker, Inquiry};
use super::super::files::{Missing, ProcessPath, Reader, readable};
use super::super::membership;
use crate::redact::Redactor;
use crate::source::{Context, SourceError};
use std::collections::HashMap;

/// The number of the root group: whoever is in it may be in groups of version 1.
const ROOT_GROUP: u64 = 1;
/// Groups whose paths are kept.
const MOST_GROUPS: usize = 4096;

/// Reads texts from `/proc`.
pub struct Texts {
    reader: Reader,
    /// Those that may hang.
    pub asker: Asker,
    /// What of command lines is shown.
    pub redactor: Redactor,
    /// Paths of groups of version 2, by number. A number is never given out again.
    groups: HashMap<u64, Vec<u8>>,
}

impl Texts {
    /// Reads from the procfs of `context`.
    ///
    /// # Errors
    /// [`SourceError::Read`] when it cannot be opened.
    pub fn open(context: &Context) -> Result<Texts, SourceError> {
        Ok(Texts {
            reader: Reader::open(&context.proc)?,
            asker: Asker::new(context.asked.interval),
            redactor: Redactor::new(&context.asked.arguments),
            groups: HashMap::new(),
        })
    }

    /// Asks for the command line of the process of that number that started at `start_ns`.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn title(&mut self, pid: u32, start_ns: u64) -> Result<Inquiry, SourceError> {
        if !self.redactor.shows_any() {
            return Ok(Inquiry::None);
        }
        self.asker.title(&self.reader, &mut ProcessPath::new(pid), (pid, start_ns))
    }

    /// Writes the whole name of a thread of the kernel into `command`.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn command(&mut self, pid: u32, command: &mut Vec<u8>) -> Result<(), SourceError> {
        if let Some(text) = self.read(pid, "comm")? {
            command.clear();
            command.extend_from_slice(text.strip_suffix(b"\n").unwrap_or(text));
        }
        Ok(())
    }

    /// Writes the path of the control group into `path`; `group` is its number.
    ///
    /// # Errors
    /// When the recorder has run out of something.
    pub fn group(&mut self, pid: u32, group: u64, path: &mut Vec<u8>) -> Result<(), SourceError> {
        if let Some(known) = self.groups.get(&group) {
            path.clone_from(known);
            return Ok(());
        }
        let Some(text) = self.read(pid, "cgroup")? else { return Ok(()) };
        path.clear();
        path.extend_from_slice(membership::parse(text));
        if group != ROOT_GROUP {
            if self.groups.len() >= MOST_GROUPS {
                self.groups.clear();
            }
            self.groups.insert(group, path.clone());
        }
        Ok(())
    }

    /// What a file says, or `None` when it cannot be read or the process is gone.
    fn read(&mut self, pid: u32, file: &str) -> Result<Option<&[u8]>, SourceError> {
        match readable(self.reader.read_once(&mut ProcessPath::new(pid), file)) {
            Ok(text) => Ok(text),
            Err(Missing::Failed(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }
}
