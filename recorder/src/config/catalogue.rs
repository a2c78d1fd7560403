//! What there is to record: every source with its tables.

use super::suggestion::did_you_mean;
use crate::source::{Descriptor, SourceKind};
use nodemon_formats::Schema;

/// A source and its tables.
#[derive(Clone)]
pub struct Entry {
    /// The source.
    pub descriptor: &'static Descriptor,
    /// Its tables, as they are on this machine.
    pub tables: Vec<Schema>,
}

impl Entry {
    /// The names of its tables.
    pub fn table_names(&self) -> Vec<&str> {
        self.tables.iter().map(|table| table.name.as_str()).collect()
    }
}

/// Every source that there is.
pub struct Catalogue {
    /// The sources, in the order in which people want to see them.
    pub entries: Vec<Entry>,
}

impl Catalogue {
    /// The catalogue of `sources`.
    pub fn new(sources: &[&'static Descriptor]) -> Catalogue {
        let entry =
            |descriptor: &&'static Descriptor| Entry { descriptor, tables: (descriptor.tables)() };
        Catalogue { entries: sources.iter().map(entry).collect() }
    }

    /// Who does the work of the source `name`.
    pub fn kind(&self, name: &str) -> Option<SourceKind> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.descriptor.name == name).map(|entry| entry.descriptor.kind)
    }

    /// Checks that there is a source `name`.
    ///
    /// # Errors
    /// A sentence that names the nearest one.
    pub fn check_source(&self, name: &str) -> Result<(), String> {
        let mut sources = self.entries.iter().map(|entry| entry.descriptor.name);
        if sources.clone().any(|source| source == name) {
            return Ok(());
        }
        // Somebody who names a table wants to hear which source has it.
        let has = |entry: &Entry| entry.table_names().contains(&name);
        if let Some(entry) = self.entries.iter().find(|entry| has(entry)) {
            let source = entry.descriptor.name;
            return Err(format!("`{name}` is a table; its source is `{source}`"));
        }
        Err(format!("there is no source `{name}`{}", did_you_mean(name, &mut sources)))
    }

    /// Checks that there is a source or a table `name`.
    ///
    /// # Errors
    /// A sentence that names the nearest one.
    pub fn check_source_or_table(&self, name: &str) -> Result<(), String> {
        let names = self.entries.iter().flat_map(|entry| {
            let own = [entry.descriptor.name, entry.descriptor.kind.group()];
            own.into_iter().chain(entry.table_names()).filter(|name| !name.is_empty())
        });
        if names.clone().any(|known| known == name) {
            return Ok(());
        }
        Err(format!("there is no source or table `{name}`{}", did_you_mean(name, names)))
    }
}
